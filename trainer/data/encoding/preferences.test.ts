import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Answered, type Example, OverlongError, RefusedError } from "../rows/example.ts";
import { codecOf } from "./codec.ts";
import { type EncodedExample, type EncodeOptions, encodeExample } from "./encode.ts";
import { questionOf } from "./questions.ts";
import { textHash } from "./textHash.ts";

const codec = await codecOf({
  tokenizer: JSON.stringify(tinyTokenizerJson()),
  config: JSON.stringify(tinyTokenizerConfig()),
  templates: { default: chatMl },
});
const usual: EncodeOptions = { trainOn: "Responses", maxTokens: 256, truncation: "End", textOverlap: 1, paired: true };
const encode = (example: Example, options: Partial<EncodeOptions> = {}) =>
  encodeExample(example, { ...usual, ...options }, codec);

const text = (completion: string, prompt = "2 + 2 = "): Answered => ({ kind: "promptCompletion", prompt, completion });
const texts = (chosen: string, rejected: string): Example => ({
  kind: "preference",
  chosen: text(chosen),
  rejected: text(rejected),
});
const talk = (answer: string, turns = 1): Answered => {
  const asked = Array.from({ length: 2 * turns - 1 }, (_, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content: `turn ${index}`,
  }));
  return { kind: "messages", messages: [...asked, { role: "assistant", content: answer }], context: asked.length };
};

const shown = ({ sequences }: EncodedExample) =>
  sequences.map(({ tokens, trained, role }) => {
    const at = trained.indexOf(1);
    return [
      role,
      codec.tokenizer.display([...tokens.subarray(0, at)]),
      codec.tokenizer.display([...tokens.subarray(at)]),
    ];
  });
const lengths = ({ sequences }: EncodedExample) => sequences.map(({ tokens }) => tokens.length);

test("a preference becomes two sequences with its prompt, of which the answers are learnt", async () => {
  const { eosToken } = codec.tokenizer.special;
  const [chosen, rejected] = shown(await encode(texts("4", "five")));
  assert.deepEqual(chosen!.slice(1), ["2 + 2 = ", `4${eosToken}`]);
  assert.deepEqual([chosen![0], rejected![0], rejected![2]], ["chosen", "rejected", `five${eosToken}`]);
  const turns = shown(await encode({ kind: "preference", chosen: talk("good", 2), rejected: talk("bad", 2) }));
  assert.deepEqual(
    turns.map(([role, , answer]) => [role, answer]),
    [
      ["chosen", "good<|im_end|>"],
      ["rejected", "bad<|im_end|>"],
    ],
  );
  assert.equal(turns[0]![1], turns[1]![1]);
  assert.match(turns[0]![1]!, /turn 0.*turn 1.*turn 2/s);
});

test("a labelled answer is one sequence, chosen where it is wanted", async () => {
  for (const isWanted of [true, false]) {
    const encoded = await encode({ kind: "labelled", answered: text("4"), isWanted }, { paired: false });
    assert.deepEqual(
      encoded.sequences.map(({ role }) => role),
      [isWanted ? "chosen" : "rejected"],
    );
  }
});

test("a pair longer than a row loses the end of its longer answer first, and both of its equally long ones", async () => {
  const whole = await encode(texts("a".repeat(20), "b".repeat(80)));
  const [chosen = 0, rejected = 0] = lengths(whole);
  assert.equal(whole.truncated, false);
  const cut = await encode(texts("a".repeat(20), "b".repeat(80)), { maxTokens: chosen + 40 });
  assert.deepEqual([lengths(cut), cut.truncated], [[chosen, 40], true]);
  const both = await encode(texts("a".repeat(60), "b".repeat(80)), { maxTokens: 61 });
  assert.deepEqual(lengths(both), [30, 30]);
  assert.deepEqual(lengths(await encode(texts("a".repeat(20), "b".repeat(80)), { paired: false })), [chosen, rejected]);
});

test("a pair of which an answer is lost is dropped, and Drop and Refuse name the tokens of both together", async () => {
  const longPrompt = texts("yes", "no");
  await assert.rejects(encode(longPrompt, { maxTokens: 16 }), OverlongError);
  const long = texts("a".repeat(40), "b".repeat(40));
  await assert.rejects(encode(long, { maxTokens: 64, truncation: "Drop" }), (error: Error) => {
    assert.ok(error instanceof OverlongError);
    assert.match(
      error.message,
      /its chosen and rejected answers, each with the prompt, are longer than 64 tokens together/,
    );
    return true;
  });
  await assert.rejects(encode(long, { maxTokens: 64, truncation: "Refuse" }), RefusedError);
});

test("OldestTurns leaves the same turns out of both answers, and never a part of an answer", async () => {
  const pair = (turns: number): Example => ({
    kind: "preference",
    chosen: talk("good", turns),
    rejected: talk("a worse answer", turns),
  });
  const needed = lengths(await encode(pair(4), { maxTokens: 4096 })).reduce((a, b) => a + b, 0);
  const cut = await encode(pair(4), { maxTokens: needed - 10, truncation: "OldestTurns" });
  const [chosen, rejected] = shown(cut);
  assert.equal(cut.truncated, true);
  assert.equal(chosen![1], rejected![1]);
  assert.ok(!chosen![1]!.includes("turn 0") && chosen![1]!.includes("turn 2"));
  assert.deepEqual([chosen![2], rejected![2]], ["good<|im_end|>", "a worse answer<|im_end|>"]);
  await assert.rejects(encode(pair(4), { maxTokens: 24, truncation: "OldestTurns" }), OverlongError);
});

test("the hash of a preference depends on both answers, and that of an answer on its label", () => {
  const labelled = (isWanted: boolean): Example => ({ kind: "labelled", answered: text("a"), isWanted });
  const all: Example[] = [
    texts("a", "b"),
    texts("b", "a"),
    texts("a", "c"),
    text("a"),
    labelled(true),
    labelled(false),
  ];
  assert.equal(new Set(all.map((example) => textHash(example).join())).size, all.length);
});

test("a held-out preference is evaluated against its chosen answer, and an unwanted answer gives no reference", async () => {
  assert.equal((await questionOf(texts("4", "five"), codec)).reference, "4");
  const unwanted: Example = { kind: "labelled", answered: text("five"), isWanted: false };
  await assert.rejects(questionOf(unwanted, codec), /labelled as not wanted: there is no reference/);
});
