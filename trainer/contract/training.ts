/** The settings of the optimisation. */
import { z } from "zod";
import { declarations } from "./methods/index.ts";
import { decimalSetting, type Earlier, required, section, setting, type ValuesOf, withoutDefault } from "./setting.ts";
import { oneLength } from "./settingsRules.ts";

export const precision = z.enum(["BF16", "F32"]);
export type Precision = z.infer<typeof precision>;

const learningRateSchedule = section(
  {
    type: required(
      setting(z.enum(["Constant", "Linear", "Cosine"]), {
        description: "Shape after the warm-up; Linear and Cosine fall to 0.",
        default: "Cosine",
        says: "",
      }),
    ),
    warmupRatio: decimalSetting(
      { min: 0, max: 0.5 },
      { description: "Share of the steps that warm up linearly.", default: 0.03 },
    ),
  },
  { description: "How the learning rate changes over the run. Default Cosine with warmupRatio 0.03." },
);

const optimizer = section(
  {
    type: required(
      setting(z.enum(["AdamW"]), {
        description: "AdamW (Loshchilov & Hutter 2019).",
        default: "AdamW",
        says: "",
      }),
    ),
    weightDecay: decimalSetting(
      { min: 0, max: 1 },
      { description: "Decoupled weight decay, on matrices alone.", default: 0.01 },
    ),
    beta1: decimalSetting({ min: 0, max: 0.9999 }, { description: "Decay of the first moment.", default: 0.9 }),
    beta2: decimalSetting({ min: 0, max: 0.99999 }, { description: "Decay of the second moment.", default: 0.999 }),
    epsilon: decimalSetting(
      { min: 1e-30, max: 1 },
      { description: "Added to the root of the second moment.", default: 1e-8 },
    ),
  },
  { description: "The optimiser. Default AdamW." },
);

const evaluation = section(
  {
    everySteps: required(setting(z.int().min(1).max(1_000_000), { description: "Steps between validation losses." })),
  },
  { description: "When to compute the validation loss. Default: ten times a run, if there is validation data." },
);

const earlyStopping = section(
  {
    patience: required(
      setting(z.int().min(1).max(1000), { description: "Evaluations without improvement before the run stops." }),
    ),
  },
  { description: "Stop when the validation loss no longer improves. Default: never." },
);

const checkpoint = section(
  {
    everySteps: setting(z.int().min(1).max(1_000_000), { description: "Steps between checkpoints.", default: 100 }),
    keep: setting(z.int().min(2).max(20), { description: "Checkpoints kept.", default: 2 }),
  },
  { description: "Where a stopped run resumes.", hashed: false },
);

/** Settings of other sections that defaults here depend on: `earlier` as `effective.ts` passes it in. */
export interface TrainingContext extends Earlier {
  readonly maxSequenceLength: number;
  readonly hasValidation: boolean;
  /** The method's own default. */
  readonly learningRate: number;
}

/** Packed rows of an optimiser step where batchTokens is not set. */
const usualRows = 16;

export const trainingTable = {
  maxSteps: setting(z.int().min(1).max(10_000_000), { description: "Optimiser steps, instead of epochs." }),
  epochs: decimalSetting(
    { exclusiveMin: 0, max: 1000 },
    {
      description: "Passes over the data.",
      default: ({ maxSteps }) => (maxSteps === undefined ? 1 : undefined),
      says: "Default 1, unless maxSteps is set.",
    },
  ),
  batchTokens: setting(z.int().min(16).max(16_777_216), {
    description: "Tokens of an optimiser step, a multiple of maxSequenceLength (rounded up).",
    default: ({ maxSequenceLength }) => usualRows * Number(maxSequenceLength),
    says: `Default ${usualRows} rows.`,
  }),
  learningRate: decimalSetting(
    { exclusiveMin: 0, max: 10 },
    {
      description: "Peak learning rate.",
      default: ({ learningRate }) => Number(learningRate),
      says: `Default ${learningRates()}.`,
    },
  ),
  learningRateSchedule,
  optimizer,
  maxGradNorm: decimalSetting(
    { min: 0, max: 1e6 },
    { description: "Clip the gradient's global norm to this; 0 does not clip.", default: 1 },
  ),
  seed: setting(z.int().min(0).max(4_294_967_295), {
    description: "Seed of initial weights, order and dropout.",
    default: 42,
  }),
  precision: setting(precision, {
    description: "Arithmetic of the forward and backward pass: BF16 with F32 sums (default), or all F32.",
    default: "BF16",
    says: "",
  }),
  evaluation: withoutDefault(evaluation),
  earlyStopping: withoutDefault(earlyStopping),
  keep: setting(z.enum(["Best", "Last"]), {
    description: "Which weights become the Adapter: those of the lowest validation loss, or the last.",
    default: ({ hasValidation }) => (hasValidation === true ? "Best" : "Last"),
    says: "Default Best with validation data, else Last.",
  }),
  checkpoint,
};
export type TrainingValues = ValuesOf<typeof trainingTable>;

/** "2e-4 for lora, 2e-5 for full": the methods of each rate together. */
function learningRates(): string {
  const kinds = new Map<string, string[]>();
  for (const { kind, learningRate } of declarations) {
    kinds.set(learningRate, [...(kinds.get(learningRate) ?? []), kind]);
  }
  return [...kinds].map(([rate, names]) => `${rate} for ${names.join(" and ")}`).join(", ");
}

export const training = section(trainingTable, { description: "The optimisation.", rules: [oneLength] });
