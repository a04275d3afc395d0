/**
 * The settings of a training, defined once: the CustomResourceDefinitions, the run file, the command line and the
 * planner all read these schemas. A default is declared with its setting (`setting.ts`) and applied on reading by
 * `effective.ts`, never written into a user's object.
 */
import { z } from "zod";
import { chatTemplate } from "./chatTemplate.ts";
import { decimal } from "./decimal.ts";
import { access, accessIsRemote, dataUri, modelUri, revisionIsOfHub, splitIsOfHub } from "./locations.ts";
import { methodMembers } from "./methods/index.ts";
import { patternFault } from "./pattern.ts";
import { distinct, exactlyOne, ruled } from "./rules.ts";
import { decimalSetting, required, type Setting, section, setting, writtenShape } from "./setting.ts";
import {
  columnsFit,
  defaultSequenceLength,
  overlapFits,
  patternFits,
  specRules,
  validationRules,
} from "./settingsRules.ts";
import { taskMetricName, taskMetricNames, taskMetricsText } from "./taskMetrics.ts";
import { training } from "./training.ts";

export const quantizationTable = {
  type: required(
    setting(z.enum(["NF4"]), {
      description: "NF4 (Dettmers et al. 2023): 4 bits per weight and one scale per 64 weights.",
      default: "NF4",
      defaultText: "",
    }),
  ),
  doubleQuantization: setting(z.boolean(), {
    description: "Also store the scales in 8 bits: 0.516 bytes per weight instead of 0.5625.",
    default: true,
  }),
};

const quantization = section(quantizationTable, {
  description:
    "Type of the base's linear layers during training: method.lora on an NF4 base is QLoRA. Default: the type in which the base model stores them.",
});

export const baseModel = ruled(
  z.strictObject({
    uri: modelUri.meta({
      description:
        "Location of the base model, in Hugging Face layout (config.json, *.safetensors, tokenizer.json, tokenizer_config.json): pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://ORGANISATION/MODEL.",
    }),
    revision: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/)
      .optional()
      .meta({
        description:
          "hf:// only: a branch, a tag or a commit. Prepare resolves it to a commit and pins that. Default main.",
      }),
    ...access,
    quantization: quantization.written.optional(),
  }),
  accessIsRemote,
  revisionIsOfHub,
).meta({ description: "The model to fine-tune." });

export const dataFormat = z.enum([
  "Auto",
  "Messages",
  "ShareGPT",
  "Alpaca",
  "PromptCompletion",
  "Text",
  "Preference",
  "Labelled",
]);

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
    chosen: column,
    rejected: column,
    label: column,
  })
  .meta({
    description:
      "The data's own names for the fields of their format, where they differ: {prompt: question, completion: answer}.",
  });

/** Columns that are renamed; a column renamed to its own name is dropped. */
const renamed = (names: Columns): Columns =>
  Object.fromEntries(Object.entries(names).filter(([field, name]) => name !== undefined && name !== field));

const format = setting(dataFormat, {
  description:
    "Auto (default) detects the format from the fields of the first row. Messages: {messages: [{role, content}], system, tools}, as in OpenAI's API; ShareGPT: {conversations: [{from, value}], system, tools}; Alpaca: {instruction, input, output, history, system, tools}; PromptCompletion: {prompt, completion}, two texts or two lists of messages with tools; Text: {text}. With a training.objective of preferences, Preference: {prompt, chosen, rejected}, texts or lists of messages with tools, where chosen and rejected may begin with the prompt instead, or conversations or instruction hold it; Labelled, for KTO: {prompt, completion, label}, or a conversation or Alpaca's row with a label, which is true if the answer is wanted. An unsupported column that changes the meaning of a row is an error; other columns are ignored and reported.",
  default: "Auto",
  defaultText: "",
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

const ofHub = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_.-]+$/, "must have letters, digits, _ . and - only");

const split = setting(ofHub, {
  description:
    "Split of a data set of the hub (hf://datasets/ORGANISATION/NAME without a path). Default: train for a source, validation and test for those.",
});
const configuration = setting(ofHub, {
  description:
    "Configuration of a data set of the hub, as its README.md names them. Default: its only or its default one.",
});

/** How the rows of a source are read. */
export const readingTable = { format, columns: columnNames, split, configuration };
/** The same for files that the first hashes identified by their URI alone. */
export const laterReadingTable = { ...readingTable, format: { ...format, later: true } };

/** The members of every file of examples: its location and the shape of its rows. */
const dataFile = {
  uri: dataUri.meta({
    description:
      "A file (JSON lines, one JSON array, CSV, TSV or Parquet; the text forms also compressed with gzip or Zstandard), a directory of such files, or a pattern of them (*, ? and [a-z] within a name, ** for any directories, {a,b} and {1..9} for alternatives): pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://datasets/ORGANISATION/NAME[@REVISION][/PATH], where a data set without a path has splits and configurations.",
  }),
  ...access,
  format: format.written.optional(),
  columns: columns.optional(),
  split: split.written.optional(),
  configuration: configuration.written.optional(),
};

export const weight = decimalSetting(
  { exclusiveMin: 0, max: 100 },
  {
    description:
      "How often an epoch uses each example of this source: 2 is twice; 0.5 is half of the examples, chosen by the hash of their text; 2.5 is twice, and half of them once more.",
    default: 1,
    later: true,
  },
);

/** How to read a source, and how often an epoch uses it. */
export const sourceTable = { ...readingTable, weight };

export const dataSource = ruled(
  z.strictObject({ ...dataFile, weight: weight.written.optional() }),
  accessIsRemote,
  columnsFit,
  splitIsOfHub,
).meta({ description: "One source of examples." });

const badRows = section(
  {
    maxFraction: required(
      decimalSetting(
        { min: 0, max: 1 },
        { description: "Maximum share of bad rows; they are skipped and counted.", default: 0, defaultText: "" },
      ),
    ),
  },
  {
    description:
      "Tolerance for unusable rows. Default 0: the first bad row is an error that names its file and line. A row that is only too long is not bad (maxSequenceLength).",
  },
);

/** The settings of a data set apart from its files. */
export const datasetTable = {
  maxSequenceLength: setting(z.int().min(16).max(131072), {
    description:
      "Tokens per packed row. A longer text is cut into several rows (textOverlap); truncation decides about other longer examples. An example whose answer begins beyond the limit is dropped, counted and reported, with a warning if that affects more than 1 % of the examples.",
    default: defaultSequenceLength,
    defaultText: "Default 1024; maximum: the model's context.",
  }),
  packing: setting(z.boolean(), {
    description: "Put several examples into a row; each attends only to itself.",
    default: true,
  }),
  trainOn: setting(z.enum(["Responses", "LastResponse", "All"]), {
    description:
      "Tokens that contribute to the loss: all assistant answers (Responses, default), the last answer (LastResponse), or all tokens (All).",
    default: "Responses",
    defaultText: "",
  }),
  badRows,
  truncation: setting(z.enum(["End", "OldestTurns", "Drop", "Refuse"]), {
    description:
      "Conversations and prompts with completions that are longer than maxSequenceLength: End (default) cuts their end off; OldestTurns leaves out the oldest questions with their answers until the rest fits, and drops an example whose last turn does not fit; Drop drops them; Refuse is an error that names the first one. All are counted. Texts are cut into several rows instead.",
    default: "End",
    defaultText: "",
    later: true,
  }),
  chatTemplate,
  addedTokens: setting(distinct(z.array(z.string().min(1).max(64)).max(256)), {
    description:
      "Special tokens that the tokenizer gets if it lacks them, such as <|im_start|>. A base with fewer rows than tokens gets new rows of embed_tokens and lm_head, each the mean of the others. Train them: by method.full, method.lora.trainableTokens or method.lora.modulesToSave. They are staged with the base, and so are part of merged exports.",
    default: [],
    defaultText: "Default: none.",
    later: true,
  }),
  textOverlap: setting(z.int().min(1).max(65536), {
    description:
      "Tokens of a long text (format Text) that the next row repeats as context. They contribute to the loss only once, so every token of the text is learnt. At most half of maxSequenceLength.",
    default: 1,
    later: true,
  }),
};

export const dataset = ruled(
  z.strictObject({
    sources: z.array(dataSource).min(1).max(16).meta({ description: "Sources, read in order." }),
    validation: ruled(
      z.strictObject({
        fraction: decimal("Share of the examples to hold out, chosen by the hash of their normalised text.", {
          min: 0,
          max: 0.5,
        }).optional(),
        ...dataFile,
        uri: dataUri.optional().meta({
          description: "Separate validation data: a file, a directory or a pattern, in any format of a source.",
        }),
      }),
      ...validationRules,
      columnsFit,
      accessIsRemote,
      splitIsOfHub,
    )
      .optional()
      .meta({
        description: "Examples for the validation loss: a fraction of the sources, or a file. Default: no validation.",
      }),
    ...writtenShape(datasetTable),
  }),
  overlapFits,
).meta({ description: "The training data." });

/** Exactly one member. */
export const method = ruled(
  z.strictObject(methodMembers),
  exactlyOne<string>("method", Object.keys(methodMembers)),
).meta({
  description: "The training method: exactly one member.",
});

/** The regular expression of the metric Pattern. */
const pattern = ruled(z.string().min(1).max(512), {
  // An invalid pattern is an error of the evaluation, which refuses the object with the fault and this message.
  cel: "''.matches(self) in [true, false]",
  holds: (text) => patternFault(text) === undefined,
  message: "must be a regular expression in the syntax of RE2, without look-around and backreferences",
});

/** The settings on which figures of metrics depend. */
export const evaluationSetup = {
  maxNewTokens: setting(z.int().min(1).max(512), {
    description:
      "Maximum length of an answer in tokens. TokenAccuracy and Perplexity use as many tokens of a reference.",
    default: 16,
  }),
  pattern: setting(pattern, {
    description:
      "For the metric Pattern: a regular expression in the syntax of RE2 that must match somewhere in an answer. Write ^ and $ around it for the whole answer.",
    later: true,
  }),
};

export const evaluationTable = {
  metrics: required(
    setting(distinct(z.array(taskMetricName).min(1).max(taskMetricNames.length)), {
      description: `${taskMetricsText}. The references are the last answers of the test examples.`,
      default: ["ExactMatch"],
      defaultText: "",
      later: true,
      canonical: (names) => [...names].sort(),
    }),
  ),
  ...evaluationSetup,
};

export const evaluation = ruled(
  z.strictObject({
    test: ruled(z.strictObject(dataFile), accessIsRemote, columnsFit, splitIsOfHub).meta({
      description: "Held-out examples: conversations, or prompts with completions.",
    }),
    ...writtenShape(evaluationTable),
  }),
  patternFits,
).meta({ description: "Task metrics on held-out data, measured before and after the training." });

/** A training, apart from its placement and its artifact store. */
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
