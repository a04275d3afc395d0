/** The settings of the optimisation. */
import { z } from "zod";
import { learningRateSchedule } from "./learningRateSchedule.ts";
import { declarations } from "./methods/index.ts";
import { objective } from "./objective.ts";
import {
  decimalSetting,
  type Earlier,
  required,
  section,
  setting,
  unhashed,
  type ValuesOf,
  withoutDefault,
} from "./setting.ts";
import { balancesExamples, oneLength, smoothsExamples } from "./settingsRules.ts";

export const precision = z.enum(["BF16", "F32"]);
export type Precision = z.infer<typeof precision>;

const optimizer = section(
  {
    type: required(
      setting(z.enum(["AdamW", "AdamW8bit"]), {
        description:
          "AdamW (Loshchilov & Hutter 2019), or AdamW8bit (Dettmers et al. 2022): the moments of tensors with at least 4096 elements in 8 bits, which takes a quarter of the memory.",
        default: "AdamW",
        defaultText: "",
      }),
    ),
    weightDecay: decimalSetting(
      { min: 0, max: 1 },
      { description: "Decoupled weight decay, applied to matrices only.", default: 0.01 },
    ),
    beta1: decimalSetting({ min: 0, max: 0.9999 }, { description: "Decay of the first moment.", default: 0.9 }),
    beta2: decimalSetting({ min: 0, max: 0.99999 }, { description: "Decay of the second moment.", default: 0.999 }),
    epsilon: decimalSetting(
      { min: 1e-30, max: 1 },
      { description: "Added to the square root of the second moment.", default: 1e-8 },
    ),
    paged: unhashed(
      setting(z.boolean(), {
        description:
          "For GPUs: keep the optimiser's moments in pages that move to the machine's memory when the GPU's is short. It changes no result. CPUs ignore it; luthier plan says so.",
        default: false,
        later: true,
      }),
    ),
  },
  { description: "The optimiser. Default AdamW." },
);

const evaluation = section(
  {
    everySteps: required(setting(z.int().min(1).max(1_000_000), { description: "Steps between validation losses." })),
  },
  { description: "When to compute the validation loss. Default: ten times per run, if validation data is set." },
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
    keep: setting(z.int().min(2).max(20), { description: "Number of checkpoints to keep.", default: 2 }),
  },
  { description: "Checkpoints, from which a stopped run resumes.", hashed: false },
);

/** Settings of other sections that defaults here depend on; `effective.ts` passes them as `earlier`. */
export interface TrainingContext extends Earlier {
  readonly maxSequenceLength: number;
  readonly hasValidation: boolean;
  /** The method's own default. */
  readonly learningRate: number;
}

/** Packed rows per optimiser step when batchTokens is not set. */
const usualRows = 16;

export const trainingTable = {
  objective,
  maxSteps: setting(z.int().min(1).max(10_000_000), { description: "Number of optimiser steps, instead of epochs." }),
  epochs: decimalSetting(
    { exclusiveMin: 0, max: 1000 },
    {
      description: "Number of passes over the data.",
      default: ({ maxSteps }) => (maxSteps === undefined ? 1 : undefined),
      defaultText: "Default 1, unless maxSteps is set.",
    },
  ),
  batchTokens: setting(z.int().min(16).max(16_777_216), {
    description: "Tokens per optimiser step, rounded up to a multiple of maxSequenceLength.",
    default: ({ maxSequenceLength }) => usualRows * Number(maxSequenceLength),
    defaultText: `Default ${usualRows} rows.`,
  }),
  learningRate: decimalSetting(
    { exclusiveMin: 0, max: 10 },
    {
      description: "Peak learning rate.",
      default: ({ learningRate }) => Number(learningRate),
      defaultText: `Default ${learningRates()}.`,
    },
  ),
  learningRateSchedule,
  optimizer,
  maxGradNorm: decimalSetting(
    { min: 0, max: 1e6 },
    { description: "Maximum global norm of the gradient (clipping); 0 disables clipping.", default: 1 },
  ),
  labelSmoothing: decimalSetting(
    { min: 0, max: 0.99 },
    {
      description:
        "Label smoothing (Szegedy et al. 2016): the share of the loss that is the mean of −log p over the whole vocabulary instead of −log p of the target. The validation loss has it too, as in transformers.",
      default: 0,
      later: true,
    },
  ),
  neftuneNoiseAlpha: decimalSetting(
    { min: 0, max: 1000 },
    {
      description:
        "NEFTune (Jain et al. 2023): in training, adds uniform noise up to α/√(L·d) to the embeddings of an example of L tokens and width d; 5 is a usual α, 0 adds none.",
      default: 0,
      later: true,
    },
  ),
  routerAuxLoss: decimalSetting(
    { min: 0, max: 100 },
    {
      description:
        "Coefficient of the loss that balances the load of a mixture's experts (Fedus et al. 2021), transformers' router_aux_loss_coef, in a training of the router: Mixtral's config.json has 0.02, Qwen3-MoE's 0.001, gpt-oss' 0.9. It is that of each example, and the validation loss has none of it. 0: none.",
      default: 0,
      later: true,
    },
  ),
  seed: setting(z.int().min(0).max(4_294_967_295), {
    description: "Seed of the initial weights, the order of the examples, dropout and noise.",
    default: 42,
  }),
  precision: setting(precision, {
    description:
      "Arithmetic of the forward and backward pass: BF16 with F32 accumulation (default), or F32 throughout.",
    default: "BF16",
    defaultText: "",
  }),
  evaluation: withoutDefault(evaluation),
  earlyStopping: withoutDefault(earlyStopping),
  keep: setting(z.enum(["Best", "Last"]), {
    description:
      "Weights that become the Adapter: those with the lowest validation loss (Best), or the last ones (Last).",
    default: ({ hasValidation }) => (hasValidation === true ? "Best" : "Last"),
    defaultText: "Default Best with validation data, else Last.",
  }),
  checkpoint,
};
export type TrainingValues = ValuesOf<typeof trainingTable>;

/** "2e-4 for lora, 2e-5 for full": methods with the same rate are grouped. */
function learningRates(): string {
  const kinds = new Map<string, string[]>();
  for (const { kind, learningRate } of declarations) {
    kinds.set(learningRate, [...(kinds.get(learningRate) ?? []), kind]);
  }
  return [...kinds].map(([rate, names]) => `${rate} for ${names.join(" and ")}`).join(", ");
}

export const training = section(trainingTable, {
  description: "Settings of the optimisation.",
  rules: [oneLength, smoothsExamples, balancesExamples],
});
