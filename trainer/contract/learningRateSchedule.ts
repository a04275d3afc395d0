/**
 * The settings of the learning rate's curve over a run. Each field applies to the types that `fields` lists; it has no
 * value for the others, and is refused there.
 */
import { z } from "zod";
import { FieldsByType } from "./fieldsByType.ts";
import { decimalSetting, type Earlier, required, section, setting, type ValuesOf } from "./setting.ts";

const types = ["Constant", "Linear", "Cosine", "InverseSquareRoot", "WarmupStableDecay", "Polynomial"] as const;
type ScheduleType = (typeof types)[number];

const fields = new FieldsByType({
  minimumRatio: ["Cosine", "WarmupStableDecay", "Polynomial"],
  timescale: ["InverseSquareRoot"],
  decayRatio: ["WarmupStableDecay"],
  decayType: ["WarmupStableDecay"],
  power: ["Polynomial"],
} satisfies Record<string, readonly ScheduleType[]>);

/** The defaults of the fields that one or two types have. */
export const scheduleDefaults = { minimumRatio: 0, decayRatio: 0.1, decayType: "Cosine", power: 2 } as const;

const table = {
  type: required(
    setting(z.enum(types), {
      description:
        "Shape after the warm-up. Constant stays at the peak; Linear decays to 0; Cosine decays to minimumRatio; " +
        "InverseSquareRoot decays with one over the square root of the step; WarmupStableDecay stays at the peak, and " +
        "decays in the last steps; Polynomial decays to minimumRatio along a power of the remaining share of the steps.",
      default: "Cosine",
      defaultText: "",
    }),
  ),
  warmupRatio: decimalSetting(
    { min: 0, max: 0.5 },
    { description: "Share of the steps that form the linear warm-up.", default: 0.03 },
  ),
  minimumRatio: decimalSetting(
    { min: 0, max: 1 },
    {
      description:
        "Learning rate at the end of the decay, as a share of the peak; WarmupStableDecay also begins its warm-up there. " +
        `Only for ${fields.named("minimumRatio")}.`,
      default: defaultOf("minimumRatio"),
      defaultText: `Default ${scheduleDefaults.minimumRatio}.`,
      later: true,
    },
  ),
  timescale: setting(z.int().min(1).max(10_000_000), {
    description:
      "Steps after the warm-up in which the learning rate decays to 1/√2 of the peak. " +
      `Only for ${fields.named("timescale")}. Default the number of warm-up steps, or 10000 without a warm-up.`,
    later: true,
  }),
  decayRatio: decimalSetting(
    { exclusiveMin: 0, max: 0.5 },
    {
      description: `Share of the steps that form the decay at the end. Only for ${fields.named("decayRatio")}.`,
      default: defaultOf("decayRatio"),
      defaultText: `Default ${scheduleDefaults.decayRatio}.`,
      later: true,
    },
  ),
  decayType: setting(z.enum(["Linear", "Cosine", "OneMinusSquareRoot"]), {
    description:
      "Shape of the decay at the end; OneMinusSquareRoot is 1 − √x at the share x of the decay. " +
      `Only for ${fields.named("decayType")}.`,
    default: defaultOf("decayType"),
    defaultText: `Default ${scheduleDefaults.decayType}.`,
    later: true,
  }),
  power: decimalSetting(
    { exclusiveMin: 0, max: 10 },
    {
      description: `Exponent of the remaining share of the steps; 1 is Linear. Only for ${fields.named("power")}.`,
      default: defaultOf("power"),
      defaultText: `Default ${scheduleDefaults.power}.`,
      later: true,
    },
  ),
};

type Values = ValuesOf<typeof table>;
/** Fields that do not apply to the type may be missing; so may those with a default. */
export type LearningRateSchedule = Pick<Values, "type" | "warmupRatio"> & Partial<Omit<Values, "type" | "warmupRatio">>;

/** The default for the types that have the field. */
function defaultOf<Name extends keyof typeof scheduleDefaults>(
  field: Name,
): (earlier: Earlier) => (typeof scheduleDefaults)[Name] | undefined {
  return ({ type }) => (fields.isApplied(field, type) ? scheduleDefaults[field] : undefined);
}

export const learningRateSchedule = section(table, {
  description: "How the learning rate changes over the run. Default Cosine with warmupRatio 0.03.",
  rules: fields.rules(),
});
