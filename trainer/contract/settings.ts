/**
 * The settings of a training, defined once: the CustomResourceDefinitions, the run file, the command line and the
 * planner all read these schemas. A default is declared with its setting (`setting.ts`) and applied on reading by
 * `effective.ts`, never written into a user's object.
 */
import { z } from "zod";
import { decimal } from "./decimal.ts";
import { access, accessIsRemote, dataUri, modelUri, revisionIsOfHub } from "./locations.ts";
import { methodMembers } from "./methods/index.ts";
import { ruled } from "./rules.ts";
import { decimalSetting, required, type Setting, section, setting, writtenShape } from "./setting.ts";
import { columnsFit, exactlyOneMethod, specRules, validationRules } from "./settingsRules.ts";
import { training } from "./training.ts";

export const quantizationTable = {
  type: required(
    setting(z.enum(["NF4"]), {
      description: "NF4 (Dettmers et al. 2023): 4 bits a weight and a scale for 64 of them.",
      default: "NF4",
      says: "",
    }),
  ),
  doubleQuantization: setting(z.boolean(), {
    description: "Keep the scales in 8 bits too: 0.516 bytes a weight in place of 0.5625.",
    default: true,
  }),
};

const quantization = section(quantizationTable, {
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
    quantization: quantization.written.optional(),
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
    history: column,
    prompt: column,
    completion: column,
    text: column,
  })
  .meta({
    description:
      "What the data call the fields of their format, where it is not the format's own name: {prompt: question, completion: answer}.",
  });

/** Columns that are renamed; a column renamed to its own name is dropped. */
const renamed = (names: Columns): Columns =>
  Object.fromEntries(Object.entries(names).filter(([field, name]) => name !== undefined && name !== field));

const format = setting(dataFormat, {
  description:
    "Auto (default) looks at the fields of the first row. Messages: {messages: [{role, content}], system, tools}, as OpenAI's; ShareGPT: {conversations: [{from, value}], system, tools}; Alpaca: {instruction, input, output, history, system, tools}; PromptCompletion: {prompt, completion}, two texts or two lists of messages with tools; Text: {text}. A column that changes what a row means and is not supported is an error; others are ignored and named.",
  default: "Auto",
  says: "",
});

const columnNames: Setting<Columns, Columns> = {
  written: columns,
  value: columns,
  read: renamed,
  write: (value, written) => written ?? (Object.keys(value).length === 0 ? undefined : value),
  canonical: (value) => ({ ...value }),
  default: () => ({}),
  required: false,
  later: true,
};

/** How the rows of a source are read. */
export const readingTable = { format, columns: columnNames };
/** The same of files that the hashes first knew by their URI alone. */
export const laterReadingTable = { format: { ...format, later: true }, columns: columnNames };

/** What every file of examples has: where it lies and what its rows look like. */
const dataFile = {
  uri: dataUri.meta({
    description:
      "A file of JSON lines, or one JSON array: pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://datasets/ORGANISATION/NAME[@REVISION]/PATH.",
  }),
  ...access,
  format: format.written.optional(),
  columns: columns.optional(),
};

export const weight = decimalSetting(
  { exclusiveMin: 0, max: 100 },
  {
    description:
      "How often an epoch sees each example of this source: 2 is twice; 0.5 is every other one, chosen by the hash of its text; 2.5 is twice, and half of them once more.",
    default: 1,
    later: true,
  },
);

/** How a source is read and how often. */
export const sourceTable = { ...readingTable, weight };

export const dataSource = ruled(
  z.strictObject({ ...dataFile, weight: weight.written.optional() }),
  accessIsRemote,
  columnsFit,
).meta({ description: "One source of examples." });

const badRows = section(
  {
    maxFraction: required(
      decimalSetting(
        { min: 0, max: 1 },
        { description: "Share of the rows that may be bad; they are skipped and counted.", default: 0, says: "" },
      ),
    ),
  },
  {
    description:
      "Tolerance for rows that cannot be used. Default 0: the first bad row is an error with its file and line. A row that is only too long is not a bad one (maxSequenceLength).",
  },
);

/** The settings of a data set apart from its files. */
export const datasetTable = {
  maxSequenceLength: setting(z.int().min(16).max(131072), {
    description:
      "Tokens of a packed row. A longer example is truncated and counted. One whose answer begins beyond it is dropped, counted and named, with a warning where more than 1 % of the examples are.",
    default: 1024,
    says: "Default 1024, at most the model's context.",
  }),
  packing: setting(z.boolean(), {
    description: "Put several examples into a row, each seeing itself alone.",
    default: true,
  }),
  trainOn: setting(z.enum(["Responses", "LastResponse", "All"]), {
    description:
      "Which tokens carry loss: every answer of the assistant (Responses, default), the last one, or all tokens.",
    default: "Responses",
    says: "",
  }),
  badRows,
};

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
    ...writtenShape(datasetTable),
  })
  .meta({ description: "What to train on." });

/** Exactly one member. */
export const method = ruled(z.strictObject(methodMembers), exactlyOneMethod(Object.keys(methodMembers))).meta({
  description: "How to train: exactly one member.",
});

export const evaluationTable = {
  maxNewTokens: setting(z.int().min(1).max(512), { description: "Longest answer, in tokens.", default: 16 }),
};

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
    ...writtenShape(evaluationTable),
  })
  .meta({ description: "A task figure on held-out data, before and after the training." });

/** What a training is, apart from where it runs and where it writes. */
export const trainingSpec = ruled(
  z.strictObject({
    baseModel,
    dataset,
    method,
    training: training.written.optional(),
    evaluation: evaluation.optional(),
  }),
  ...specRules,
);

export type TrainingSpec = z.infer<typeof trainingSpec>;
export type DataFormat = z.infer<typeof dataFormat>;
export type NamedFormat = Exclude<DataFormat, "Auto">;
export type Columns = z.infer<typeof columns>;
