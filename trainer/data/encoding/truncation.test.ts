import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Example, OverlongError, RefusedError } from "../rows/example.ts";
import { codecOf } from "./codec.ts";
import { type EncodedExample, type EncodeOptions, encodeExample } from "./encode.ts";

const codec = await codecOf({
  tokenizer: JSON.stringify(tinyTokenizerJson()),
  config: JSON.stringify(tinyTokenizerConfig()),
  templates: { default: chatMl },
});
const { tokenizer } = codec;
const usual: EncodeOptions = { trainOn: "Responses", maxTokens: 64, truncation: "End", textOverlap: 1 };
const encode = (example: Example, options: Partial<EncodeOptions>) =>
  encodeExample(example, { ...usual, ...options }, codec);

const texts = ({ sequences }: EncodedExample) => sequences.map(({ tokens }) => tokenizer.display([...tokens]));
/** The trained text of all sequences. */
const learnt = ({ sequences }: EncodedExample) =>
  sequences
    .map(({ tokens, trained }) => tokenizer.display([...tokens].filter((_, index) => trained[index] === 1)))
    .join("");

const alphabet = "abcdefghijklmnopqrstuvwxyz";

test("a long text becomes several sequences, and every token of it but the first is learnt once", async () => {
  const text: Example = { kind: "text", text: alphabet };
  const whole = await encode(text, {});
  assert.equal(whole.sequences.length, 1);
  for (const maxTokens of [16, 17, 26, 27]) {
    for (const textOverlap of [1, 3, 8]) {
      const encoded = await encode(text, { maxTokens, textOverlap });
      assert.equal(learnt(encoded), learnt(whole), `${maxTokens} ${textOverlap}`);
      assert.equal(encoded.truncated, false);
      for (const { tokens, trained, fullLength } of encoded.sequences) {
        assert.ok(tokens.length <= maxTokens && fullLength === tokens.length && trained.includes(1));
      }
    }
  }
  assert.deepEqual(texts(await encode(text, { maxTokens: 16, textOverlap: 3 })), [
    "abcdefghijklmnop",
    `nopqrstuvwxyz${texts(whole)[0]!.slice(26)}`,
  ]);
  assert.equal((await encode(text, { maxTokens: 27 })).sequences.length, 1);
});

const turn = (index: number) => [
  { role: "user", content: `question ${index}` },
  { role: "assistant", content: `answer ${index}` },
];
const conversation: Example = {
  kind: "messages",
  messages: [{ role: "system", content: "be brief" }, ...[1, 2, 3, 4].flatMap(turn)],
  untrained: [6],
};
const rendered = (example: Example) =>
  example.kind === "messages" ? codec.template!.render({ messages: example.messages }, false).trimEnd() : "";
const lengthOf = async (example: Example) => (await encode(example, { maxTokens: 4096 })).sequences[0]!.tokens.length;

test("without its oldest turns a long conversation keeps the system message, whole answers and their weights", async () => {
  const last2: Example = { kind: "messages", messages: [conversation.messages[0]!, ...turn(3), ...turn(4)] };
  const maxTokens = await lengthOf(last2);
  const encoded = await encode(conversation, { maxTokens, truncation: "OldestTurns" });
  assert.deepEqual(texts(encoded), [rendered(last2)]);
  assert.match(learnt(encoded), /^answer 4<[^>]+>$/, "answer 3 has weight 0");
  assert.equal(encoded.truncated, true);
  const fewer = await encode(conversation, { maxTokens: maxTokens - 1, truncation: "OldestTurns" });
  assert.deepEqual(texts(fewer), [rendered({ kind: "messages", messages: [conversation.messages[0]!, ...turn(4)] })]);
  const short = await encode(conversation, { maxTokens: 4096, truncation: "OldestTurns" });
  assert.deepEqual([texts(short), short.truncated], [[rendered(conversation)], false]);
  await assert.rejects(
    encode(conversation, { maxTokens: 20, truncation: "OldestTurns" }),
    (error) => error instanceof OverlongError && /its last turn is longer than 20 tokens/.test(error.message),
  );
});

test("the calls and results of tools stay with their question, and a prompt's answers stay untrained", async () => {
  const call = { type: "function", function: { name: "f", arguments: {} } } as const;
  const messages = [
    ...turn(1),
    { role: "user", content: "q" },
    { role: "assistant", content: "f()", tool_calls: [call] },
    { role: "tool", content: "r" },
    { role: "assistant", content: "prompted" },
    ...turn(2),
  ];
  const kept: Example = { kind: "messages", messages: messages.slice(2), context: 4 };
  const maxTokens = await lengthOf({ ...kept, context: 0 });
  const options: EncodeOptions = { ...usual, maxTokens, truncation: "OldestTurns" };
  const encoded = await encodeExample({ kind: "messages", messages, context: 6 }, options, codec);
  assert.deepEqual(texts(encoded), [rendered(kept)]);
  assert.match(learnt(encoded), /^answer 2<[^>]+>$/);
});

test("a long conversation or completion is cut at its end, dropped or refused, as the settings say", async () => {
  const examples: Example[] = [
    conversation,
    { kind: "promptCompletion", prompt: "ab", completion: alphabet.repeat(9) },
  ];
  for (const example of examples) {
    const options = { maxTokens: 150 };
    const cut = await encode(example, options);
    assert.deepEqual([cut.truncated, cut.sequences[0]!.tokens.length], [true, 150]);
    await assert.rejects(encode(example, { ...options, truncation: "Drop" }), OverlongError);
    await assert.rejects(
      encode(example, { ...options, truncation: "Refuse" }),
      (error) => error instanceof RefusedError && /is longer than 150 tokens: raise dataset\.max/.test(error.message),
    );
    for (const truncation of ["Drop", "Refuse", "OldestTurns"] as const) {
      assert.equal((await encode(example, { maxTokens: 4096, truncation })).truncated, false);
    }
  }
  await assert.rejects(encode(examples[1]!, { maxTokens: 150, truncation: "OldestTurns" }), OverlongError);
});
