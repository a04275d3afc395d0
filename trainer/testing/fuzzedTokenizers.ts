/**
 * Mutates tokenizer.json at random and loads it in another process, for `fuzz.test.ts` of the tokenizer and
 * `npm run soak -- tokenizers`. A mutated file encodes a text, or gives a failure that names it: no other error, no long time. Where
 * the tokenizers library ends its process, the trial that precedes a load gives that failure.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { StageFailure } from "../contract/failure.ts";
import { tryTokenizer } from "../data/encoding/tokenizerTrial.ts";
import { RowError } from "../data/rows/example.ts";
import { Tokenizer } from "../data/tokenizer/tokenizer.ts";
import { inTime, mutated, random } from "./fuzzedFiles.ts";
import { tinyTokenizerJson } from "./tinyModel.ts";

const goldens = new URL("../../test/golden/data/chat/tokenizer-kinds.json", import.meta.url);
const kinds: { tokenizer: unknown }[] = JSON.parse(readFileSync(goldens, "utf8"));
const seeds = [tinyTokenizerJson(), ...kinds.map(({ tokenizer }) => tokenizer)].map((file) => JSON.stringify(file));

type Next = (below: number) => number;

const extremes: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e9,
  2 ** 53,
  "",
  "a",
  "\ud800",
  "\u0000",
  [],
  {},
  [[]],
  "(((((",
  "(a*)*b",
  "^",
  1e-320,
  { Regex: "x*" },
  { String: "" },
];

/** Stages that the seeds do not have, some of them damaged. */
const stages: readonly [place: string, stage: object][] = [
  ["normalizer", { type: "Precompiled", precompiled_charsmap: "AAAA" }],
  ["normalizer", { type: "Precompiled", precompiled_charsmap: Buffer.alloc(40, 8).toString("base64") }],
  ["normalizer", { type: "Replace", pattern: { Regex: "x*|h" }, content: "b" }],
  ["normalizer", { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Nmt" }] }],
  ["pre_tokenizer", { type: "FixedLength", length: 2 }],
  ["pre_tokenizer", { type: "UnicodeScripts" }],
  ["pre_tokenizer", { type: "Split", pattern: { Regex: "x*" }, behavior: "Contiguous", invert: true }],
  [
    "post_processor",
    {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "x", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { x: { id: "x", ids: [1], tokens: ["x"] } },
    },
  ],
  ["post_processor", { type: "BertProcessing", sep: ["x", 99], cls: ["y", 98] }],
  ["decoder", { type: "CTC", pad_token: "<pad>", word_delimiter_token: "|", cleanup: true }],
];

/** Some values replaced, removed, repeated or moved, anywhere in a JSON value. */
function mutatedJson(text: string, next: Next): string {
  const root: unknown[] = [JSON.parse(text)];
  for (let changes = 1 + next(3); changes > 0; changes--) {
    let [at, key]: [unknown, string | number] = [root, 0];
    // Descends a random path; half of the objects end it.
    for (let depth = 0; depth < 12; depth++) {
      const inner: unknown = Reflect.get(Object(at), key);
      const keys = typeof inner === "object" && inner !== null ? Object.keys(inner) : [];
      if (keys.length === 0 || (depth > 1 && next(3) === 0)) break;
      [at, key] = [inner, keys[next(keys.length)]!];
    }
    const holder = Object(at);
    switch (next(4)) {
      case 0:
        if (at !== root) Reflect.deleteProperty(holder, key);
        break;
      case 1:
        Reflect.set(holder, key, [Reflect.get(holder, key), structuredClone(Reflect.get(holder, key))]);
        break;
      default:
        Reflect.set(holder, key, structuredClone(extremes[next(extremes.length)]));
    }
  }
  return JSON.stringify(root[0]) ?? "";
}

/** The mutated file of a number. */
export function fuzzedTokenizer(number: number): string {
  const next = random(number);
  const seed = seeds[next(seeds.length)]!;
  switch (next(4)) {
    case 0:
      return mutated(Buffer.from(seed), next).toString();
    case 1: {
      const [place, stage] = stages[next(stages.length)]!;
      const other: unknown = next(2) === 0 ? stage : JSON.parse(mutatedJson(JSON.stringify(stage), next) || "null");
      return JSON.stringify({ ...JSON.parse(seed), [place]: other });
    }
    default:
      return mutatedJson(seed, next);
  }
}

/** Loads a file and encodes a text; throws where it breaks the promise. The result is "read" or the failure. */
export const readFuzzedTokenizer = (file: string): Promise<string> => inTime(() => outcome(file));

const config = JSON.stringify({ eos_token: "<|im_end|>" });

async function outcome(file: string): Promise<string> {
  try {
    const tokenizer = await Tokenizer.load({ tokenizer: file, config });
    tokenizer.display(await tokenizer.encode("The quick <|im_end|> fox, ünï 你好"));
    return "read";
  } catch (error) {
    if (error instanceof RowError) return error.message;
    return failureOf(error);
  }
}

/** The message of a failure that names the file; throws any other error. */
function failureOf(error: unknown): string {
  if (!(error instanceof StageFailure)) throw error;
  assert.ok(error.message.includes("tokenizer.json"), error.message);
  return error.message;
}

export interface FuzzCounts {
  readable: number;
  refused: number;
  /** The library ended the process. */
  crashes: number;
}

/** Reads the files of `count` numbers from `first` on; throws for one that breaks the promise. */
export async function readFuzzedTokenizers(
  first: number,
  count: number,
  onRead: (done: number) => void = () => {},
): Promise<FuzzCounts> {
  const counts: FuzzCounts = { readable: 0, refused: 0, crashes: 0 };
  let next = first;
  while (next < first + count) {
    next = await readUntilCrash(next, first + count, counts, (number) => onRead(number - first));
    if (next === first + count) break;
    await holdCrash(next++);
    counts.crashes++;
  }
  return counts;
}

const reader = fileURLToPath(new URL("fuzzedTokenizerReader.ts", import.meta.url));

/** Reads files in a process of their own; the result is the number of the one that ended it, or `end`. */
async function readUntilCrash(
  from: number,
  end: number,
  counts: FuzzCounts,
  onRead: (number: number) => void,
): Promise<number> {
  const args = ["--disable-warning=ExperimentalWarning", reader, String(from), String(end)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let [reading, fault] = [from, ""];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "read") counts.readable++;
    else if (line === "refused") counts.refused++;
    else fault = line;
    onRead(++reading);
  }
  if (fault !== "") throw new Error(fault);
  return reading;
}

/** The trial reports the file whose reading ended a process. */
async function holdCrash(number: number): Promise<void> {
  const tokenizer = fuzzedTokenizer(number);
  // The trial's own text may not meet the damage, which then depends on the text.
  const failure = await tryTokenizer({ tokenizer, config }).then(() => "none", failureOf);
  assert.ok(failure !== "none", `file ${number} ends its process, and the trial does not tell`);
}
