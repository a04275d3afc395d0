/**
 * spec.promotion: which Adapter consumers get. A pin by name, or a policy that compares each new Adapter with the promoted one
 * by the figures that their trainings measured on held-out data.
 */
import { z } from "zod";
import { decimal } from "../../trainer/contract/decimal.ts";
import { distinct, type Rule, ruled } from "../../trainer/contract/rules.ts";
import { text } from "./common.ts";

const gateMetrics = ["ExactMatch", "ValidationLoss"] as const;
export type GateMetric = (typeof gateMetrics)[number];
const metric = z.enum(gateMetrics);

interface RequirementLike {
  metric: GateMetric;
  atLeast?: string | undefined;
  atMost?: string | undefined;
}

/** Exact match is better when it is higher, a loss when it is lower. */
const boundFits: Rule<RequirementLike> = {
  cel: "self.metric == 'ExactMatch' ? has(self.atLeast) && !has(self.atMost) : has(self.atMost) && !has(self.atLeast)",
  holds: ({ metric, atLeast, atMost }) =>
    metric === "ExactMatch"
      ? atLeast !== undefined && atMost === undefined
      : atMost !== undefined && atLeast === undefined,
  message: "ExactMatch needs atLeast, and ValidationLoss needs atMost",
};

const requirement = ruled(
  z.strictObject({
    metric: metric.meta({ description: "The figure of the new Adapter." }),
    atLeast: decimal("The lowest exact match.", { min: 0, max: 1 }).optional(),
    atMost: decimal("The highest validation loss.", { exclusiveMin: 0 }).optional(),
  }),
  boundFits,
);

interface PromotionLike {
  policy?: string | undefined;
  metric?: GateMetric | undefined;
  minImprovement?: string | undefined;
}

const onlyIfBetter = (field: "metric" | "minImprovement"): Rule<PromotionLike> => ({
  cel: `!has(self.${field}) || (has(self.policy) && self.policy == 'IfBetter')`,
  holds: (promotion) => promotion[field] === undefined || promotion.policy === "IfBetter",
  message: `${field} needs policy: IfBetter`,
  fieldPath: `.${field}`,
});

export const promotion = ruled(
  z.strictObject({
    adapterRef: z
      .strictObject({ name: text(63).min(1) })
      .optional()
      .meta({
        description:
          "Promote this Adapter of this FineTuneJob for any settings: a roll-back, a pin, or the choice of a person. While it is set, the operator starts no training.",
      }),
    policy: z.enum(["Automatic", "IfBetter", "Manual"]).optional().meta({
      description:
        "Automatic promotes each new Adapter; IfBetter only one that is better than the promoted one; Manual none until adapterRef names it. Default Automatic.",
    }),
    metric: metric.optional().meta({
      description:
        "The figure that IfBetter compares, on the same held-out data. Default: ExactMatch if spec.evaluation is set, else ValidationLoss.",
    }),
    minImprovement: decimal("IfBetter: the smallest improvement of the metric.", { min: 0 })
      .optional()
      .meta({ description: "IfBetter: the smallest improvement of the metric. Default 0: any improvement." }),
    require: distinct(z.array(requirement).min(1).max(2), "metric")
      .optional()
      .meta({ description: "Bounds that a new Adapter must keep to be promoted by Automatic or IfBetter." }),
  }),
  onlyIfBetter("metric"),
  onlyIfBetter("minImprovement"),
);
export type Promotion = z.infer<typeof promotion>;

interface Promoted {
  dataset: { validation?: unknown };
  evaluation?: unknown;
  promotion?: (PromotionLike & { require?: readonly RequirementLike[] | undefined }) | undefined;
}

const sourceOf = {
  ExactMatch: {
    cel: "has(self.evaluation)",
    field: "spec.evaluation",
    is: (spec: Promoted) => spec.evaluation !== undefined,
  },
  ValidationLoss: {
    cel: "has(self.dataset.validation)",
    field: "dataset.validation",
    is: ({ dataset }: Promoted) => dataset.validation !== undefined,
  },
} as const;

/** A figure that is compared must be measured. */
function measured(metric: GateMetric): Rule<Promoted> {
  const { cel, field, is } = sourceOf[metric];
  return {
    cel:
      `!has(self.promotion) || ${cel} || ((!has(self.promotion.metric) || self.promotion.metric != '${metric}') && ` +
      `(!has(self.promotion.require) || self.promotion.require.all(one, one.metric != '${metric}')))`,
    holds: (spec) =>
      is(spec) ||
      (spec.promotion?.metric !== metric && spec.promotion?.require?.some((one) => one.metric === metric) !== true),
    message: `promotion by ${metric} needs ${field}`,
    fieldPath: ".promotion",
  };
}

/** Rules of a FineTuneJob's spec. */
export const promotionRules: readonly Rule<Promoted>[] = [
  ...gateMetrics.map(measured),
  {
    cel:
      "!has(self.promotion) || !has(self.promotion.policy) || self.promotion.policy != 'IfBetter' || " +
      "has(self.evaluation) || has(self.dataset.validation)",
    holds: (spec) =>
      spec.promotion?.policy !== "IfBetter" || sourceOf.ExactMatch.is(spec) || sourceOf.ValidationLoss.is(spec),
    message: "policy: IfBetter needs held-out data: set spec.evaluation or dataset.validation",
    fieldPath: ".promotion.policy",
  },
];
