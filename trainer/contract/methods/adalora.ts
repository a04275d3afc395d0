/** AdaLoRA's settings. Steps are optimiser steps of the run. */
import { z } from "zod";
import type { Rule } from "../rules.ts";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type MethodSpec, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

const rank = z.int().min(1).max(512);
const steps = z.int().min(0).max(10_000_000);

const usualRank = 12;

const ranksFall: Rule<{ initialRank?: number | undefined; targetRank?: number | undefined }> = {
  cel: `!has(self.targetRank) || self.targetRank <= (has(self.initialRank) ? self.initialRank : ${usualRank})`,
  holds: ({ initialRank = usualRank, targetRank }) => targetRank === undefined || targetRank <= initialRank,
  message: `targetRank must be at most initialRank (default ${usualRank}): lower it, or raise initialRank`,
  fieldPath: ".targetRank",
};

/** A run whose number of steps follows from the data is checked by the plan. */
const ranksHaveSteps: Rule<MethodSpec> = {
  cel: "!has(self.method.adalora) || !has(self.training) || !has(self.training.maxSteps) || (has(self.method.adalora.initialSteps) ? self.method.adalora.initialSteps : 0) + (has(self.method.adalora.finalSteps) ? self.method.adalora.finalSteps : 0) < self.training.maxSteps",
  holds({ method, training: { maxSteps } = {} }) {
    const { initialSteps = 0, finalSteps = 0 } = Object(method.adalora);
    return method.adalora === undefined || maxSteps === undefined || initialSteps + finalSteps < maxSteps;
  },
  message:
    "method.adalora.initialSteps and finalSteps leave none of the run's steps in which ranks fall to targetRank: lower them, or raise training.maxSteps",
  fieldPath: ".method.adalora",
};

export const adalora = declareMethod(
  {
    kind: "adalora",
    description:
      "AdaLoRA (Zhang et al. 2023): low-rank updates in the form of a singular value decomposition, whose ranks move to the matrices that need them.",
    learningRate: "1e-3",
    result: "Adapter",
    specRules: [ranksHaveSteps],
    settings: {
      initialRank: setting(rank, { description: "Rank of every update at first.", default: usualRank, value: z.int() }),
      targetRank: setting(rank, {
        description: "Mean rank of an update at the end; at most initialRank.",
        default: ({ initialRank }) => Math.max(1, Math.floor((2 * Number(initialRank)) / 3)),
        defaultText: "Default two thirds of initialRank.",
        value: z.int(),
      }),
      alpha: setting(z.int().min(1).max(4096), {
        description: "The update is scaled by alpha/initialRank.",
        default: ({ initialRank }) => 2 * Number(initialRank),
        defaultText: "Default 2·initialRank.",
        value: z.number(),
      }),
      dropout: decimalSetting({ min: 0, max: 0.9 }, { description: "Dropout on the adapter's input.", default: 0 }),
      targetModules,
      excludeModules,
      layers,
      initialSteps: setting(steps, { description: "Steps before ranks begin to fall.", default: 0 }),
      finalSteps: setting(steps, { description: "Steps at the end in which ranks do not change.", default: 0 }),
      everySteps: setting(z.int().min(1).max(1_000_000), {
        description: "Steps between two allocations of the ranks.",
        default: 1,
      }),
      beta1: decimalSetting(
        { exclusiveMin: 0, max: 0.9999 },
        { description: "Smoothing of a weight's importance over the steps.", default: 0.85 },
      ),
      beta2: decimalSetting(
        { exclusiveMin: 0, max: 0.9999 },
        { description: "Smoothing of the uncertainty of the importance.", default: 0.85 },
      ),
      orthogonality: decimalSetting(
        { min: 0, max: 100 },
        { description: "Weight of the penalty that keeps the factors orthonormal.", default: 0.5 },
      ),
    },
  },
  [ranksFall],
);
export type AdaloraSettings = SettingsOf<"adalora", (typeof adalora)["settings"]>;
