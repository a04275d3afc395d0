/**
 * `luthier data`: shows a data set as a model sees it, and writes nothing: counts, lengths, truncation, duplicates, leaks
 * between splits, and examples with their learnt part marked. It reads the data by the same code as `prepare`.
 */
import { type Arguments, choiceOf, integerOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, commonOptions, jsonText, outputFormats, type Session } from "../../terminal/command.ts";
import { builtInTemplates, type ChatTemplateChoice } from "../../trainer/contract/chatTemplate.ts";
import { type DataFile, type DatasetSettings, dataFile, effectiveSettings } from "../../trainer/contract/effective.ts";
import { type ObjectiveType, objectiveTypes } from "../../trainer/contract/objective.ts";
import { type Columns, columns, type DataFormat, dataFormat } from "../../trainer/contract/settings.ts";
import { type CodecTexts, codecOf } from "../../trainer/data/encoding/codec.ts";
import { tryTokenizer } from "../../trainer/data/encoding/tokenizerTrial.ts";
import { templateTextOf } from "../../trainer/stages/chosenTemplate.ts";
import { classified } from "../../trainer/stages/classify.ts";
import { datasetFiles } from "../../trainer/stages/dataFiles.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import { type DataReport, reportOn } from "../dataReport.ts";
import { dataUriOf, fileUri, isUri } from "../places.ts";
import { readSamples, type Sample, sampleLines } from "../sample.ts";
import { dataLines } from "../ui/dataView.ts";
import { createStageView } from "../ui/stageView.ts";

const usage = {
  command: "luthier data",
  positionals: ["FILE…"],
  summary: "Shows data files as a model sees them: counts, lengths, truncation, duplicates, leaks, and some examples.",
  details: [
    "Files are JSON lines, JSON lists, CSV, TSV or Parquet, directories or quoted patterns of them ('data/**/part-[0-9].csv'):",
    "OpenAI messages, ShareGPT, Alpaca, prompt and completion, or text; with --objective, preferences.",
    "  luthier data train.jsonl --model ./models/llama --test test.jsonl --max-length 2048",
    "The command counts unreadable rows; a training refuses them, or skips as many as dataset.badRows allows.",
  ],
  options: {
    model: { value: "DIR", help: "the model whose tokenizer and chat template are used" },
    format: { value: "FORMAT", help: `${dataFormat.options.join(", ")} (default Auto)` },
    column: { value: "FIELD=NAME", repeated: true, help: "the files' name for a field of the format; repeatable" },
    validation: { value: "FILE", help: "a separate validation set" },
    "validation-fraction": { value: "SHARE", help: "hold out this share of the examples, for example 0.02" },
    test: { value: "FILE", help: "the test set, checked for examples that are also trained on" },
    "max-length": { value: "TOKENS", help: "dataset.maxSequenceLength (default 1024)" },
    split: { value: "NAME", help: "split of a data set of the hub (default train; validation and test for those)" },
    configuration: { value: "NAME", help: "configuration of a data set of the hub" },
    "chat-template": {
      value: "NAME|FILE",
      help: `instead of the model's own: ${builtInTemplates.join(", ")}, or a file`,
    },
    objective: { value: "TYPE", help: `${objectiveTypes.join(", ")}: what the data are for (default Supervised)` },
    "train-on": { value: "WHICH", help: "Responses (default), LastResponse or All" },
    truncation: { value: "WHICH", help: "longer examples: End (default) cuts them, OldestTurns, Drop or Refuse" },
    "text-overlap": { value: "TOKENS", help: "tokens of a long text that its next row repeats (default 1)" },
    "no-packing": { help: "one example per row" },
    samples: { value: "N", help: "examples to show (default 3)" },
    threads: { value: "N", help: "encoding processes; default: the available cores" },
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

const truncations = ["End", "OldestTurns", "Drop", "Refuse"] as const;
const trainOns = ["Responses", "LastResponse", "All"] as const;

export const dataCommand: Command = {
  usage,
  onInterrupt: "stopping",
  run: (args, session) => classified(() => report(args, session)),
};

async function report(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const settings = settingsOf(args);
  const test = optionOf(args, "test");
  const stores = new Stores({ log: (line) => session.screen.print(line), signal: session.signal });
  const model = await StoredModel.inDirectory(stores, uriOf(optionOf(args, "model") ?? missing("--model DIR")));
  const count = integerOf(args, "samples", 0, 1000, 3);
  const texts = await textsOf(model, settings, stores);
  const { files, others } = await datasetFiles(settings, stores);
  for (const uri of others) session.screen.print(`not read, because it is not a data file: ${uri}`);
  const found = await reportOn({
    ...{ stores, model, texts, settings, files, signal: session.signal },
    test: test === undefined ? undefined : testFile(test, args),
    threads: integerOf(args, "threads", 1, 1024, 0),
    onBytes: progressOf(session),
  });
  const samples =
    count === 0 ? [] : await readSamples(stores, { settings, files }, await codecOf(texts), count, session.signal);
  session.screen.clear();
  session.write(format === "json" ? jsonText({ ...found, samples }) : textOf(found, samples));
  return 0;
}

/** The model's texts, with the chosen template. */
async function textsOf(model: StoredModel, { chatTemplate }: DatasetSettings, stores: Stores): Promise<CodecTexts> {
  const texts = await model.codecTexts();
  if (chatTemplate === undefined) return texts;
  await tryTokenizer(texts);
  return { ...texts, templates: { default: await templateTextOf(chatTemplate, model, stores) } };
}

const textOf = (report: DataReport, samples: readonly Sample[]) =>
  `${[...dataLines(report), ...sampleLines(samples)].join("\n")}\n`;

function testFile(test: string, args: Arguments): DataFile {
  const { split: _, ...reading } = readingOf(args);
  return dataFile({ uri: dataUriOf(test), ...reading });
}

/** The settings of an equivalent manifest, with the contract's defaults. */
function settingsOf(args: Arguments): DatasetSettings {
  const [validation, fraction] = [optionOf(args, "validation"), optionOf(args, "validation-fraction")];
  if (validation !== undefined && fraction !== undefined) {
    throw new UsageError("--validation and --validation-fraction exclude each other");
  }
  if (fraction !== undefined && !(Number(fraction) > 0 && Number(fraction) <= 0.5)) {
    throw new UsageError(`--validation-fraction is a share above 0 and at most 0.5, not ${JSON.stringify(fraction)}`);
  }
  const { split, ...reading } = readingOf(args);
  return effectiveSettings({
    baseModel: { uri: "file:///model" },
    dataset: {
      sources: args.positionals.map((file) => ({
        uri: dataUriOf(file),
        ...reading,
        ...(split !== undefined && { split }),
      })),
      ...(validation !== undefined && { validation: { uri: dataUriOf(validation), ...reading } }),
      ...(fraction !== undefined && { validation: { fraction } }),
      maxSequenceLength: integerOf(args, "max-length", 16, 131_072, 1024),
      packing: !args.switches.has("no-packing"),
      ...templateOf(args),
      trainOn: choiceOf(args, "train-on", trainOns, "Responses"),
      truncation: choiceOf(args, "truncation", truncations, "End"),
      textOverlap: integerOf(args, "text-overlap", 1, 65_536, 1),
      badRows: { maxFraction: "1" },
    },
    method: { lora: {} },
    training: { objective: { type: objectiveOf(args) } },
  }).dataset;
}

/** Throws for options that have no effect on preferences. */
function objectiveOf(args: Arguments): ObjectiveType {
  const type = choiceOf(args, "objective", objectiveTypes, "Supervised");
  const stray = ["train-on", "text-overlap"].find((name) => optionOf(args, name) !== undefined);
  if (type !== "Supervised" && stray !== undefined)
    throw new UsageError(`--${stray} has no effect on preferences: remove it`);
  return type;
}

function templateOf(args: Arguments): { chatTemplate?: ChatTemplateChoice } {
  const given = optionOf(args, "chat-template");
  if (given === undefined) return {};
  const builtIn = builtInTemplates.find((name) => name === given);
  return { chatTemplate: builtIn === undefined ? { uri: uriOf(given) } : { builtIn } };
}

interface Reading {
  format: DataFormat;
  columns: Columns;
  /** The files' split; validation and test sets have their own. */
  split?: string;
  configuration?: string;
}

function readingOf(args: Arguments): Reading {
  const given = (args.values.get("column") ?? []).map((text) => {
    const [field, ...name] = text.split("=");
    if (name.length === 0) throw new UsageError(`--column is FIELD=NAME, not ${JSON.stringify(text)}`);
    return [field, name.join("=")];
  });
  const parsed = columns.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    throw new UsageError(
      `--column: the fields are ${Object.keys(columns.shape).join(", ")}, each with a name that is not empty`,
    );
  }
  const [split, configuration] = [optionOf(args, "split"), optionOf(args, "configuration")];
  return {
    format: choiceOf(args, "format", dataFormat.options, "Auto"),
    columns: parsed.data,
    ...(split !== undefined && { split }),
    ...(configuration !== undefined && { configuration }),
  };
}

/** A URI, as in a manifest, is kept. */
const uriOf = (given: string) => (isUri(given) ? given : fileUri(given));

function missing(what: string): never {
  throw new UsageError(`${what} is missing`);
}

/** Shows progress at most ten times a second, and always the last report. */
function progressOf({ screen }: Session): (done: number, total: number) => void {
  const view = createStageView(() => "luthier data");
  let shown = 0;
  return (done, total) => {
    if (done < total && Date.now() - shown < 100) return;
    shown = Date.now();
    view.add({ phase: "Tokenizing", done, total, unit: "bytes", time: new Date().toISOString() });
    screen.show(view, done === total ? "now" : undefined);
  };
}
