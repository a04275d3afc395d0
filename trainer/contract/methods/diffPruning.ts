/** Diff pruning's settings: the share of weights that change in the end, and the way of the gates that choose them. */
import { z } from "zod";
import type { Rule } from "../rules.ts";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type MethodSpec, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

const usualFixedShare = 0.5;

/** Steps before the differences' places are fixed. */
export const freeSteps = (fixedShare: number, steps: number): number =>
  steps - Math.max(1, Math.round(fixedShare * steps));

const share = "self.method.diffPruning.fixedShare";
const steps = "double(self.training.maxSteps)";

/** A run whose number of steps follows from the data is checked by the plan. */
const gatesHaveSteps: Rule<MethodSpec> = {
  cel: `!has(self.method.diffPruning) || !has(self.training) || !has(self.training.maxSteps) || (self.training.maxSteps > 1 && (has(${share}) ? double(${share}) : ${usualFixedShare}) * ${steps} < ${steps} - 0.5)`,
  holds({ method, training: { maxSteps } = {} }) {
    const { fixedShare = usualFixedShare } = Object(method.diffPruning);
    return method.diffPruning === undefined || maxSteps === undefined || freeSteps(Number(fixedShare), maxSteps) >= 1;
  },
  message:
    "method.diffPruning.fixedShare leaves none of the run's steps in which the gates train: lower it, or raise training.maxSteps",
  fieldPath: ".method.diffPruning",
};

export const diffPruning = declareMethod({
  kind: "diffPruning",
  description:
    "Diff pruning (Guo et al. 2021): learn a sparse difference from the base's weights, whose places are chosen by gates that train with it.",
  learningRate: "1e-5",
  result: "Adapter",
  peftRefusal:
    "method.diffPruning changes single weights, which PEFT has no adapter for: leave adapter exports out and export merged, or set method.lora",
  specRules: [gatesHaveSteps],
  smaller: { kind: "lora" },
  settings: {
    density: decimalSetting(
      { exclusiveMin: 0, max: 1 },
      { description: "Share of the layers' weights that differ from the base in the end.", default: 0.005 },
    ),
    penalty: decimalSetting(
      { min: 0, max: 1 },
      { description: "Weight of the expected number of differences in the loss.", default: 1.25e-7 },
    ),
    fixedShare: decimalSetting(
      { exclusiveMin: 0, max: 0.99 },
      {
        description:
          "Share of the steps, at the end, in which the differences' places are fixed and their values alone train. Validation counts from there on.",
        default: usualFixedShare,
      },
    ),
    structured: setting(z.boolean(), {
      description: "Whether each matrix has a gate of its own too, which can leave it unchanged as a whole.",
      default: true,
    }),
    learningRateRatio: decimalSetting(
      { exclusiveMin: 0, max: 1_000_000 },
      {
        description: "The gates' learning rate, as a multiple of training.learningRate.",
        default: 10_000,
      },
    ),
    targetModules,
    excludeModules,
    layers,
  },
});
export type DiffPruningSettings = SettingsOf<"diffPruning", (typeof diffPruning)["settings"]>;
