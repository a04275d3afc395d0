/**
 * The settings of a training, defined once: the CustomResourceDefinitions, the run file, the command line and the
 * planner all read these schemas. Defaults are stated in the descriptions and applied by `effective.ts` on reading,
 * never written into a user's object.
 */
import { z } from "zod";
import { decimal } from "./decimal.ts";
import { access, accessIsRemote, dataUri, modelUri, revisionIsOfHub } from "./locations.ts";
import { methodMembers } from "./methods/index.ts";
import { distinct, ruled } from "./rules.ts";
import { columnsFit, exactlyOneMethod, oneLength, specRules, validationRules } from "./settingsRules.ts";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const quantization = z
  .strictObject({
    type: z.enum(["NF4"]).meta({
      description: "NF4 (Dettmers et al. 2023): 4 bits a weight and a scale for 64 of them.",
    }),
    doubleQuantization: z.boolean().optional().meta({
      description: "Keep the scales in 8 bits too: 0.516 bytes a weight in place of 0.5625. Default true.",
    }),
  })
  .meta({
    description:
      "How the base's linear layers are held while an adapter is trained on them: method.lora on an NF4 base is QLoRA. Default: as the base model stores them.",
  });

export const baseModel = ruled(
  z.strictObject({
    uri: modelUri.meta({
      description:
        "Where the base model lies, in Hugging Face layout (config.json, *.safetensors, tokenizer.json, tokenizer_config.json): pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://ORGANISATION/MODEL.",
    }),
    revision: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/)
      .optional()
      .meta({
        description: "hf:// only: a branch, a tag or a commit; prepare pins the commit that it is then. Default main.",
      }),
    ...access,
    quantization: quantization.optional(),
  }),
  accessIsRemote,
  revisionIsOfHub,
).meta({ description: "The model to fine-tune." });

export const dataFormat = z.enum(["Auto", "Messages", "ShareGPT", "Alpaca", "PromptCompletion", "Text"]);

const column = z.string().min(1).max(128).optional();

export const columns = z
  .strictObject({
    messages: column,
    role: column,
    content: column,
    tools: column,
    conversations: column,
    from: column,
    value: column,
    system: column,
    instruction: column,
    input: column,
    output: column,
    prompt: column,
    completion: column,
    text: column,
  })
  .meta({
    description:
      "What the data call the fields of their format, where it is not the format's own name: {prompt: question, completion: answer}.",
  });

/** What every file of examples has: where it lies and what its rows look like. */
const dataFile = {
  uri: dataUri.meta({
    description:
      "A file of JSON lines, or one JSON array: pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://datasets/ORGANISATION/NAME[@REVISION]/PATH.",
  }),
  ...access,
  format: dataFormat.optional().meta({
    description:
      "Auto (default) looks at the fields of the first row. Messages: {messages: [{role, content}], tools}, as OpenAI's; ShareGPT: {conversations: [{from, value}]}; Alpaca: {instruction, input, output}; PromptCompletion: {prompt, completion}; Text: {text}.",
  }),
  columns: columns.optional(),
};

export const dataSource = ruled(
  z.strictObject({
    ...dataFile,
    weight: decimal(
      "How often an epoch sees each example of this source: 2 is twice; 0.5 is every other one, chosen by the hash of its text; 2.5 is twice, and half of them once more. Default 1.",
      { exclusiveMin: 0, max: 100 },
    ).optional(),
  }),
  accessIsRemote,
  columnsFit,
).meta({ description: "One source of examples." });

export const dataset = z
  .strictObject({
    sources: z.array(dataSource).min(1).max(16).meta({ description: "Read in order." }),
    validation: ruled(
      z.strictObject({
        fraction: decimal("Share of the examples held out, chosen by the hash of their normalised text.", {
          min: 0,
          max: 0.5,
        }).optional(),
        ...dataFile,
        uri: dataUri
          .optional()
          .meta({ description: "A file of its own for validation, in any of the forms of a source." }),
      }),
      ...validationRules,
      columnsFit,
      accessIsRemote,
    )
      .optional()
      .meta({ description: "Examples for the validation loss: a fraction of the sources, or a file. Default: none." }),
    maxSequenceLength: z.int().min(16).max(131072).optional().meta({
      description:
        "Tokens of a packed row; longer examples are truncated and counted. Default 1024, at most the model's context.",
    }),
    packing: z.boolean().optional().meta({
      description: "Put several examples into a row, each seeing itself alone. Default true.",
    }),
    trainOn: z.enum(["Responses", "LastResponse", "All"]).optional().meta({
      description:
        "Which tokens carry loss: every answer of the assistant (Responses, default), the last one, or all tokens.",
    }),
    badRows: z
      .strictObject({
        maxFraction: decimal("Share of unreadable rows that is skipped and counted.", { min: 0, max: 1 }),
      })
      .optional()
      .meta({
        description:
          "Tolerance for rows that cannot be read. Default 0: the first bad row is an error with its file and line.",
      }),
  })
  .meta({ description: "What to train on." });

/** Exactly one member. */
export const method = ruled(z.strictObject(methodMembers), exactlyOneMethod(Object.keys(methodMembers))).meta({
  description: "How to train: exactly one member.",
});

export const precision = z.enum(["BF16", "F32"]);
export type Precision = z.infer<typeof precision>;

export const training = ruled(
  z.strictObject({
    epochs: decimal("Passes over the data. Default 1, unless maxSteps is set.", {
      exclusiveMin: 0,
      max: 1000,
    }).optional(),
    maxSteps: z.int().min(1).max(10_000_000).optional().meta({ description: "Optimiser steps, instead of epochs." }),
    batchTokens: z.int().min(16).max(16_777_216).optional().meta({
      description: "Tokens of an optimiser step, a multiple of maxSequenceLength (rounded up). Default 16 rows.",
    }),
    learningRate: decimal("Peak learning rate. Default 2e-4 for lora, 2e-5 for full.", {
      exclusiveMin: 0,
      max: 10,
    }).optional(),
    learningRateSchedule: z
      .strictObject({
        type: z
          .enum(["Constant", "Linear", "Cosine"])
          .meta({ description: "Shape after the warm-up; Linear and Cosine fall to 0." }),
        warmupRatio: decimal("Share of the steps that warm up linearly. Default 0.03.", {
          min: 0,
          max: 0.5,
        }).optional(),
      })
      .optional()
      .meta({ description: "Default Cosine with warmupRatio 0.03." }),
    optimizer: z
      .strictObject({
        type: z.enum(["AdamW"]).meta({ description: "AdamW (Loshchilov & Hutter 2019)." }),
        weightDecay: decimal("Decoupled weight decay, on matrices alone. Default 0.01.", { min: 0, max: 1 }).optional(),
        beta1: decimal("Default 0.9.", { min: 0, max: 0.9999 }).optional(),
        beta2: decimal("Default 0.999.", { min: 0, max: 0.99999 }).optional(),
        epsilon: decimal("Default 1e-8.", { min: 1e-30, max: 1 }).optional(),
      })
      .optional()
      .meta({ description: "Default AdamW." }),
    maxGradNorm: decimal("Clip the gradient's global norm to this; 0 does not clip. Default 1.0.", {
      min: 0,
      max: 1e6,
    }).optional(),
    seed: z
      .int()
      .min(0)
      .max(4_294_967_295)
      .optional()
      .meta({ description: "Of initial weights, order and dropout. Default 42." }),
    precision: precision.optional().meta({
      description: "Arithmetic of the forward and backward pass: BF16 with F32 sums (default), or all F32.",
    }),
    evaluation: z
      .strictObject({
        everySteps: z.int().min(1).max(1_000_000).meta({ description: "Steps between validation losses." }),
      })
      .optional()
      .meta({
        description: "When to compute the validation loss. Default: ten times a run, if there is validation data.",
      }),
    earlyStopping: z
      .strictObject({
        patience: z
          .int()
          .min(1)
          .max(1000)
          .meta({ description: "Evaluations without improvement before the run stops." }),
      })
      .optional()
      .meta({ description: "Stop when the validation loss no longer improves. Default: never." }),
    keep: z.enum(["Best", "Last"]).optional().meta({
      description:
        "Which weights become the Adapter: those of the lowest validation loss, or the last. Default Best with validation data, else Last.",
    }),
    checkpoint: z
      .strictObject({
        everySteps: z
          .int()
          .min(1)
          .max(1_000_000)
          .optional()
          .meta({ description: "Steps between checkpoints. Default 100." }),
        keep: z.int().min(2).max(20).optional().meta({ description: "Checkpoints kept. Default 2." }),
      })
      .optional()
      .meta({ description: "Where a stopped run goes on from." }),
  }),
  oneLength,
).meta({ description: "The optimisation." });

export const evaluation = z
  .strictObject({
    test: ruled(z.strictObject(dataFile), accessIsRemote, columnsFit).meta({
      description: "Held-out examples: conversations, or prompts and their completions.",
    }),
    metrics: z
      .array(z.enum(["ExactMatch"]))
      .min(1)
      .max(1)
      .meta({
        description:
          "ExactMatch: share of examples whose greedy answer equals the reference after trimming white space.",
      }),
    maxNewTokens: z.int().min(1).max(512).optional().meta({ description: "Longest answer. Default 16." }),
  })
  .meta({ description: "A task figure on held-out data, before and after the training." });

export const mergedExport = z
  .strictObject({
    base: z.enum(["Original", "Dequantized"]).optional().meta({
      description:
        "What the adapter is added to. Original (default): the base model's own weights. Dequantized: the values that its quantised weights stand for, as the adapter was trained on them; needs baseModel.quantization.",
    }),
    dtype: z.enum(["BF16", "F32"]).optional().meta({
      description: "Type of the written weights. Default BF16, for base Dequantized F32.",
    }),
    maxShardBytes: z
      .int()
      .min(1_000_000)
      .max(50_000_000_000)
      .optional()
      .meta({ description: "Largest shard. Default 5 GB." }),
  })
  .meta({ description: "Base and adapter in one model: sharded safetensors in Hugging Face layout." });

export const exportEntry = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(20)
      .regex(dnsLabel)
      .meta({ description: "Name of this export; its directory under the run." }),
    merged: mergedExport,
  })
  .meta({ description: "One form in which the result is written, read back and verified." });

export const exportList = distinct(z.array(exportEntry).max(8), "name").meta({
  description: "What to write beside the adapter itself.",
});

/** What a training is, apart from where it runs and where it writes. */
export const trainingSpec = ruled(
  z.strictObject({
    baseModel,
    dataset,
    method,
    training: training.optional(),
    evaluation: evaluation.optional(),
  }),
  ...specRules,
);

export type TrainingSpec = z.infer<typeof trainingSpec>;
export type ExportEntry = z.infer<typeof exportEntry>;
export type DataFormat = z.infer<typeof dataFormat>;
export type NamedFormat = Exclude<DataFormat, "Auto">;
export type Columns = z.infer<typeof columns>;
