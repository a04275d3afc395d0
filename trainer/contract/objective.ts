/**
 * The loss that a training minimises: that of examples (Supervised), or of preferences between answers. Each field applies to the
 * types that `fields` lists; it has no value for the others, and is refused there.
 */
import { z } from "zod";
import { FieldsByType } from "./fieldsByType.ts";
import { decimalSetting, type Earlier, later, required, section, setting, type ValuesOf } from "./setting.ts";

export const objectiveTypes = ["Supervised", "DPO", "ORPO", "KTO"] as const;
export type ObjectiveType = (typeof objectiveTypes)[number];

const fields = new FieldsByType({
  beta: ["DPO", "KTO"],
  lambda: ["ORPO"],
  desirableWeight: ["KTO"],
  undesirableWeight: ["KTO"],
} satisfies Record<string, readonly ObjectiveType[]>);

const defaults = { beta: 0.1, lambda: 0.1, desirableWeight: 1, undesirableWeight: 1 } as const;
type Field = keyof typeof defaults;

const table = {
  type: required(
    setting(z.enum(objectiveTypes), {
      description:
        "Supervised learns the answers of examples. The others learn preferences: DPO (Rafailov et al. 2023) raises a chosen " +
        "answer over a rejected one relative to the base without its adapter; ORPO (Hong et al. 2024) adds the odds ratio " +
        "of both to the loss of the chosen one, without a reference; KTO (Ethayarajh et al. 2024) learns from answers " +
        "that are each wanted or not, relative to the base.",
      default: "Supervised",
      defaultText: "",
    }),
  ),
  beta: option(
    "beta",
    { exclusiveMin: 0, max: 10 },
    "How strongly a deviation from the reference counts as a reward: a larger one keeps the model closer to it.",
  ),
  lambda: option(
    "lambda",
    { exclusiveMin: 0, max: 10 },
    "Weight of the odds ratio beside the loss of the chosen answer.",
  ),
  desirableWeight: option(
    "desirableWeight",
    { exclusiveMin: 0, max: 100 },
    "Weight of each wanted answer in the loss.",
  ),
  undesirableWeight: option(
    "undesirableWeight",
    { exclusiveMin: 0, max: 100 },
    "Weight of each answer that is not wanted.",
  ),
};

function option(field: Field, bounds: Parameters<typeof decimalSetting>[0], description: string) {
  return decimalSetting(bounds, {
    description: `${description} Only for ${fields.named(field)}.`,
    default: ({ type }: Earlier): number | undefined => (fields.isApplied(field, type) ? defaults[field] : undefined),
    defaultText: `Default ${defaults[field]}.`,
  });
}

export const objective = later(
  section(table, {
    description: "The loss that the training minimises. Default Supervised.",
    rules: fields.rules(),
  }),
);

/** The objective with its own options alone. */
export type Objective = { readonly type: "Supervised" } | PreferenceObjective;
export type PreferenceObjective =
  | { readonly type: "DPO"; readonly beta: number }
  | { readonly type: "ORPO"; readonly lambda: number }
  | {
      readonly type: "KTO";
      readonly beta: number;
      readonly desirableWeight: number;
      readonly undesirableWeight: number;
    };

export function objectiveOf(values: ValuesOf<typeof table>): Objective {
  const has = (field: Field) => values[field] ?? defaults[field];
  const { type } = values;
  switch (type) {
    case "Supervised":
      return { type };
    case "DPO":
      return { type, beta: has("beta") };
    case "ORPO":
      return { type, lambda: has("lambda") };
    case "KTO":
      return {
        type,
        beta: has("beta"),
        desirableWeight: has("desirableWeight"),
        undesirableWeight: has("undesirableWeight"),
      };
  }
}

/** The objectives that compare with the base without its adapter. */
export const referringTypes = ["DPO", "KTO"] as const satisfies readonly ObjectiveType[];

export const needsReference = ({ type }: Objective): boolean => referringTypes.some((one) => one === type);

/** The content of a row of the data: an answer to learn, a preferred and a rejected answer, or an answer with its label. */
export type DataForm = "Examples" | "Pairs" | "Labelled";

export const formOf: Readonly<Record<ObjectiveType, DataForm>> = {
  Supervised: "Examples",
  DPO: "Pairs",
  ORPO: "Pairs",
  KTO: "Labelled",
};
