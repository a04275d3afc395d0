/**
 * How each method is trained by `npm run bench -- --methods`: one budget for all, and per method the learning rate (the base is
 * small, so most are above the defaults) and settings that differ from the defaults. A method without a line fails a test,
 * unless it mixes adapters of earlier trainings, whose budget would be another one.
 */
import type { TrainingSpec } from "../../../trainer/contract/settings.ts";

type Written = TrainingSpec["method"];

export interface MethodEntry {
  readonly learningRate: string;
  readonly method: Written;
  /** Explains a result that a reader would ask about. */
  readonly note?: string;
}

/** Data and work of every training. */
export interface Budget {
  readonly steps: number;
  readonly batchTokens: number;
  readonly maxSequenceLength: number;
  /** Trainings of each method, with the seeds from 1 on. */
  readonly seeds: number;
}

export const usualBudget: Budget = { steps: 48, batchTokens: 2048, maxSequenceLength: 256, seeds: 3 };

/** Steps of the training that measures a method's speed. */
export const speedSteps = 12;

/** By the method's kind; `variants` of a method have their own names. */
export const methodEntries: Readonly<Record<string, Readonly<Record<string, MethodEntry>>>> = {
  full: { full: { learningRate: "3e-4", method: { full: {} } } },
  lora: {
    lora: { learningRate: "1e-3", method: { lora: { rank: 16 } } },
    "lora, PiSSA": { learningRate: "1e-3", method: { lora: { rank: 16, initialization: "PiSSA" } } },
    "lora, EVA": { learningRate: "1e-3", method: { lora: { rank: 16, initialization: "EVA" } } },
  },
  dora: { dora: { learningRate: "1e-3", method: { dora: { rank: 16 } } } },
  adalora: {
    adalora: {
      learningRate: "2e-3",
      method: { adalora: { initialRank: 24, targetRank: 16 } },
      note: "its E starts at 0 between two factors of deviation 0.02, so that the update grows more slowly than LoRA's; it needs more steps or a higher learning rate.",
    },
  },
  loha: {
    loha: {
      learningRate: "2e-3",
      method: { loha: { rank: 16 } },
      note: "the update is the element-wise product of two low-rank products, of which one starts at 0 and the other is small; it learns more slowly than LoRA at first.",
    },
  },
  lokr: { lokr: { learningRate: "2e-3", method: { lokr: { rank: 16 } } } },
  krona: { krona: { learningRate: "2e-3", method: { krona: {} } } },
  ia3: { ia3: { learningRate: "2e-2", method: { ia3: {} } } },
  bitfit: { bitfit: { learningRate: "1e-2", method: { bitfit: {} } } },
  fishMask: { fishMask: { learningRate: "1e-3", method: { fishMask: {} } } },
  diffPruning: { diffPruning: { learningRate: "1e-3", method: { diffPruning: { learningRateRatio: "300" } } } },
  intrinsicDimension: { intrinsicDimension: { learningRate: "1e-2", method: { intrinsicDimension: {} } } },
  bottleneck: { bottleneck: { learningRate: "1e-3", method: { bottleneck: {} } } },
  prefixTuning: { prefixTuning: { learningRate: "1e-2", method: { prefixTuning: { virtualTokens: 20 } } } },
  promptTuning: { promptTuning: { learningRate: "3e-2", method: { promptTuning: { virtualTokens: 20 } } } },
  pTuning: { pTuning: { learningRate: "3e-3", method: { pTuning: { virtualTokens: 20 } } } },
};
