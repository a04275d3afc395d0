/**
 * spec.promotion: which Adapter consumers get. A pin by name, or a policy that compares each new Adapter with the promoted one
 * by the figures that their trainings measured on held-out data.
 */
import { z } from "zod";
import { decimal } from "../../trainer/contract/decimal.ts";
import { celList, distinct, type Rule, ruled } from "../../trainer/contract/rules.ts";
import { type TaskMetricName, taskMetricNames, taskMetrics } from "../../trainer/contract/taskMetrics.ts";
import { text } from "./common.ts";

/** The figures that promotion can compare: the task metrics and the validation loss. */
export const gateMetrics = {
  ...taskMetrics,
  ValidationLoss: { words: "validation loss", better: "Lower" },
} as const;
export type GateMetric = TaskMetricName | "ValidationLoss";
const metric = z.enum([...taskMetricNames, "ValidationLoss"]);
const metricNames = metric.options;

interface RequirementLike {
  metric: GateMetric;
  atLeast?: string | undefined;
  atMost?: string | undefined;
}

const higher = metricNames.filter((name) => gateMetrics[name].better === "Higher");
const lower = metricNames.filter((name) => gateMetrics[name].better === "Lower");

/** A figure that should be high has a lowest value, one that should be low a highest one. */
const boundFits: Rule<RequirementLike> = {
  cel: `self.metric in ${celList(higher)} ? has(self.atLeast) && !has(self.atMost) : has(self.atMost) && !has(self.atLeast)`,
  holds: ({ metric, atLeast, atMost }) =>
    gateMetrics[metric].better === "Higher"
      ? atLeast !== undefined && atMost === undefined
      : atMost !== undefined && atLeast === undefined,
  message: `${listed(higher)} need atLeast; ${listed(lower)} need atMost`,
};

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const requirement = ruled(
  z.strictObject({
    metric: metric.meta({ description: "The figure of the new Adapter." }),
    atLeast: decimal("The lowest figure of a metric that is better when it is higher.", { min: 0, max: 1 }).optional(),
    atMost: decimal("The highest figure of a metric that is better when it is lower.", { exclusiveMin: 0 }).optional(),
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
        "The figure that IfBetter compares, on the same held-out data. Default: the first of evaluation.metrics, else ValidationLoss.",
    }),
    minImprovement: decimal("IfBetter: the smallest improvement of the metric.", { min: 0 })
      .optional()
      .meta({ description: "IfBetter: the smallest improvement of the metric. Default 0: any improvement." }),
    require: distinct(z.array(requirement).min(1).max(metricNames.length), "metric")
      .optional()
      .meta({ description: "Bounds that a new Adapter must keep to be promoted by Automatic or IfBetter." }),
  }),
  onlyIfBetter("metric"),
  onlyIfBetter("minImprovement"),
);
export type Promotion = z.infer<typeof promotion>;

interface Promoted {
  dataset: { validation?: unknown };
  evaluation?: { metrics: readonly TaskMetricName[] } | undefined;
  promotion?: (PromotionLike & { require?: readonly RequirementLike[] | undefined }) | undefined;
}

/** A rule for every metric that promotion names; `cel` and `holds` are of one of them. */
const everyMetric = (
  cel: (one: string) => string,
  holds: (one: GateMetric, spec: Promoted) => boolean,
  message: string,
): Rule<Promoted> => ({
  cel:
    `!has(self.promotion) || ((!has(self.promotion.metric) || ${cel("self.promotion.metric")}) && ` +
    `(!has(self.promotion.require) || self.promotion.require.all(r, ${cel("r.metric")})))`,
  holds: (spec) => {
    const { metric, require = [] } = spec.promotion ?? {};
    return [...(metric ? [metric] : []), ...require.map((one) => one.metric)].every((one) => holds(one, spec));
  },
  message,
  fieldPath: ".promotion",
});

/** Rules of a FineTuneJob's spec. */
export const promotionRules: readonly Rule<Promoted>[] = [
  everyMetric(
    (one) => `(${one} == 'ValidationLoss' || (has(self.evaluation) && ${one} in self.evaluation.metrics))`,
    (one, { evaluation }) => one === "ValidationLoss" || evaluation?.metrics.includes(one) === true,
    "promotion by a metric of the evaluation needs spec.evaluation, with that metric among its metrics",
  ),
  everyMetric(
    (one) => `(${one} != 'ValidationLoss' || has(self.dataset.validation))`,
    (one, { dataset }) => one !== "ValidationLoss" || dataset.validation !== undefined,
    "promotion by ValidationLoss needs dataset.validation",
  ),
  {
    cel:
      "!has(self.promotion) || !has(self.promotion.policy) || self.promotion.policy != 'IfBetter' || " +
      "has(self.evaluation) || has(self.dataset.validation)",
    holds: (spec) =>
      spec.promotion?.policy !== "IfBetter" || spec.evaluation !== undefined || spec.dataset.validation !== undefined,
    message: "policy: IfBetter needs held-out data: set spec.evaluation or dataset.validation",
    fieldPath: ".promotion.policy",
  },
];
