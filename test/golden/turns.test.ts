/**
 * How each family's real template marks turns, with the family's tokenizer: the tokens that begin a conversation, that end an
 * answer and a call of a tool, and the text before every answer.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Codec } from "../../trainer/data/encoding/codec.ts";
import { encodeExample } from "../../trainer/data/encoding/encode.ts";
import { questionOf } from "../../trainer/data/encoding/questions.ts";
import { type Conversation, type Example, RowError } from "../../trainer/data/rows/example.ts";
import { codecOfFamily, kept } from "./realConversations.ts";

interface Turns {
  /** First token of a conversation. */
  readonly first: string;
  readonly eos: string;
  readonly answerEnd: string;
  /** Last token of an answer that calls a tool; absent: the template omits calls, so such rows are refused. */
  readonly callEnd?: string;
  /** The text that the template writes before an answer. */
  readonly opening?: string;
}

const im = { first: "<|im_start|>", eos: "<|im_end|>", answerEnd: "<|im_end|>" };
const mistral = { first: "<s>", eos: "</s>", answerEnd: "</s>" };
const families: Readonly<Record<string, Turns>> = {
  smollm2: im,
  "qwen2.5": { ...im, callEnd: "<|im_end|>" },
  qwen3: { ...im, callEnd: "<|im_end|>", opening: "<think>\n\n</think>\n\n" },
  "mistral-v3": { ...mistral, callEnd: "</s>" },
  "mistral-nemo": { ...mistral, callEnd: "</s>" },
  "phi3.5": { first: "<|user|>", eos: "<|endoftext|>", answerEnd: "<|end|>" },
  phi4: im,
  "phi4-mini": { first: "<|user|>", eos: "<|endoftext|>", answerEnd: "<|end|>" },
  "granite3.3": {
    first: "<|start_of_role|>",
    eos: "<|end_of_text|>",
    answerEnd: "<|end_of_text|>",
  },
  olmo2: { first: "<|endoftext|>", eos: "<|endoftext|>", answerEnd: "<|endoftext|>" },
  smollm3: im,
  mixtral: mistral,
  ministral: { ...mistral, callEnd: "</s>" },
  ministral3: { ...mistral, callEnd: "</s>" },
  "gpt-oss": {
    first: "<|start|>",
    eos: "<|return|>",
    answerEnd: "<|return|>",
    callEnd: "<|call|>",
    opening: "<|channel|>final<|message|>",
  },
};

const answered: Conversation = {
  messages: [
    { role: "user", content: "1?" },
    { role: "assistant", content: "one" },
  ],
};
const calling: Conversation = {
  messages: [
    { role: "user", content: "1?" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call00001", type: "function", function: { name: "one", arguments: { a: "1" } } }],
    },
  ],
  tools: [
    {
      type: "function",
      function: {
        name: "one",
        description: "d",
        parameters: { type: "object", properties: { a: { type: "string" } } },
      },
    },
  ],
};

async function encoded(conversation: Conversation, codec: Codec) {
  const example: Example = { kind: "messages", ...conversation };
  const options = { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: 1e6 } as const;
  const { sequences } = await encodeExample(example, options, codec);
  assert.equal(sequences.length, 1);
  const { tokens, trained } = sequences[0]!;
  const text = (ids: Iterable<number>) => codec.tokenizer.display([...ids]);
  return { first: text(tokens.slice(0, 1)), learnt: text(tokens.filter((_, at) => trained[at] === 1)) };
}

test("every kept family is in this table", () => {
  assert.deepEqual(Object.keys(families).sort(), [...kept].sort());
});

for (const [family, { first, eos, answerEnd, callEnd, opening }] of Object.entries(families)) {
  test(`turns of ${family} begin and end with its own tokens, and an answer follows its own opening`, async () => {
    const codec = await codecOfFamily(family);
    const { tokenizer, endIds } = codec;
    assert.equal(tokenizer.special.eosToken, eos);
    const one = await encoded(answered, codec);
    assert.equal(one.first, first);
    assert.ok(one.learnt.endsWith(answerEnd), one.learnt);
    assert.equal(codec.opening?.text, opening);
    assert.equal(one.learnt.trimStart(), `${opening ?? ""}one${answerEnd}`);
    const question = await questionOf({ kind: "messages", ...answered }, codec);
    assert.deepEqual(question.opening, codec.opening?.ids);
    if (callEnd === undefined) await assert.rejects(encoded(calling, codec), RowError);
    else assert.ok((await encoded(calling, codec)).learnt.endsWith(callEnd));
    const ends = [eos, answerEnd, ...(callEnd === undefined ? [] : [callEnd])];
    assert.deepEqual(new Set([...endIds].map((id) => tokenizer.display([id]))), new Set(ends));
  });
}
