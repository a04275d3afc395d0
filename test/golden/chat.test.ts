/**
 * Compares chat templates with transformers, and the loss mask with an independent definition (chat.py): for every answer, the
 * text that it adds to its own prompt up to its end mark, in exactly the context of its generation.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Codec, codecOf } from "../../trainer/data/encoding/codec.ts";
import { type Encoded, encodeExample } from "../../trainer/data/encoding/encode.ts";
import type { TrainOn } from "../../trainer/data/encoding/pieces.ts";
import { type Example, type Message, RowError } from "../../trainer/data/rows/example.ts";
import { readExample } from "../../trainer/data/rows/rows.ts";
import { parseStrictly } from "../../trainer/data/rows/strictJson.ts";
import { tinyTokenizerJson } from "../../trainer/testing/tinyModel.ts";

const read = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");
const json = <T>(name: string, schema: z.ZodType<T>): T => schema.parse(JSON.parse(read(`data/chat/${name}`)));

const families = ["chatml", "llama3", "qwen2.5", "qwen3", "mistral-v3", "mistral-nemo", "gemma"];

const answer = z.strictObject({ index: z.number(), prompt: z.string(), answer: z.string() });
const rendered = z.strictObject({ conversation: z.string(), whole: z.string(), answers: z.array(answer) });
const refused = z.strictObject({ conversation: z.string(), refused: z.string() });
const familyFile = z.object({
  special: z.record(z.string(), z.string()),
  end: z.string(),
  tokens: z.array(z.string()),
  cases: z.array(z.union([rendered, refused])),
});

type Answer = z.infer<typeof answer>;

/** Rows as read from a data file: floats stay floats. */
const rows = z
  .array(z.looseObject({ name: z.string() }))
  .parse(parseStrictly(read("data/chat/conversations.json"), "conversations"));
const conversationOf = (name: string) => {
  const example = readExample(
    rows.find((row) => row.name === name),
    { format: "Messages", columns: {} },
  );
  assert.equal(example.kind, "messages");
  return example as Extract<Example, { kind: "messages" }>;
};

/** One token per byte, and the family's marks. */
function codecOfFamily(
  name: string,
  tokens: readonly string[],
  special: Readonly<Record<string, string>>,
): Promise<Codec> {
  const tokenizer = tinyTokenizerJson();
  const vocab: [string, number][] = Object.entries(tokenizer.model.vocab).slice(0, 256);
  const added = tokens.map((content, index) => ({ ...tokenizer.added_tokens[0]!, content, id: 256 + index }));
  const model = { ...tokenizer.model, vocab: Object.fromEntries([...vocab, ...tokens.map((t, i) => [t, 256 + i])]) };
  return codecOf({
    tokenizer: JSON.stringify({ ...tokenizer, model, added_tokens: added }),
    config: JSON.stringify(special),
    templates: { default: read(`templates/${name}.jinja`) },
  });
}

/** Contexts and texts of the trained stretches of a sequence. */
function stretches({ tokens, trained }: Encoded, codec: Codec): { prompt: string; answer: string }[] {
  const text = (start: number, end: number) => codec.tokenizer.display([...tokens.subarray(start, end)]);
  const found: { prompt: string; answer: string }[] = [];
  for (let start = trained.indexOf(1); start >= 0; ) {
    const stop = trained.indexOf(0, start);
    const end = stop < 0 ? tokens.length : stop;
    found.push({ prompt: text(0, start), answer: text(start, end) });
    start = trained.indexOf(1, end);
  }
  return found;
}

for (const name of families) {
  const { special, end, tokens, cases } = json(`${name}.json`, familyFile);
  const codec = await codecOfFamily(name, tokens, special);
  const eos = codec.tokenizer.special.eosToken;
  const learnt = async (example: Example, trainOn: TrainOn) => {
    const { sequences } = await encodeExample(
      example,
      { trainOn, truncation: "End", textOverlap: 1, maxTokens: Number.POSITIVE_INFINITY },
      codec,
    );
    return sequences.flatMap((sequence) => stretches(sequence, codec));
  };
  const expected = ({ prompt, answer }: Answer) => ({ prompt, answer });

  describe(name, () => {
    test("every answer of random conversations is learnt once in its own context, and nothing else is learnt", async () => {
      const random = generator(23);
      for (let round = 0; round < 60; round++) {
        const example = randomConversation(random, {
          tools: name !== "gemma" && name !== "chatml",
          // Nemo's own template writes the system message in the prompt, and omits it once there is an answer.
          system: name !== "mistral-nemo",
        });
        const definition = example.messages.flatMap(({ role }, index) => {
          if (role !== "assistant") return [];
          const prompt = codec.template!.render({ messages: example.messages.slice(0, index) }, true);
          const turn = codec.template!.render({ messages: example.messages.slice(0, index + 1) }, false);
          assert.ok(turn.startsWith(prompt));
          const text = turn.slice(prompt.length);
          return [{ prompt, answer: text.slice(0, text.lastIndexOf(end) + end.length) }];
        });
        assert.deepEqual(await learnt(example, "Responses"), definition);
        assert.deepEqual(await learnt(example, "LastResponse"), definition.slice(-1));
      }
    });

    for (const one of cases) {
      const example = conversationOf(one.conversation);
      if ("refused" in one) {
        test(`${one.conversation} is refused, as by transformers`, async () => {
          await assert.rejects(
            encodeExample(example, { trainOn: "All", truncation: "End", textOverlap: 1, maxTokens: 1e6 }, codec),
            RowError,
          );
        });
        continue;
      }
      test(`${one.conversation} is rendered as by transformers, and each answer is learnt once in the context of its prompt`, async () => {
        const { messages, tools } = example;
        assert.equal(codec.template!.render(example, false), one.whole);
        for (const { index, prompt } of one.answers) {
          const asked = { messages: messages.slice(0, index), ...(tools && { tools }) };
          assert.equal(codec.template!.render(asked, true), prompt);
        }
        const losesCalls = one.answers.some(({ index, answer }) =>
          messages[index]!.tool_calls?.some((call) => !answer.includes(call.function.name)),
        );
        if (losesCalls) {
          await assert.rejects(learnt(example, "Responses"), /tool_calls\[0\]: .* omits it/);
          return;
        }
        if (one.answers.length === 0) await assert.rejects(learnt(example, "Responses"), /it has no answer/);
        else {
          assert.deepEqual(await learnt(example, "Responses"), one.answers.map(expected));
          assert.deepEqual(await learnt(example, "LastResponse"), one.answers.slice(-1).map(expected));
        }
        const { sequences: all } = await encodeExample(
          example,
          { trainOn: "All", truncation: "End", textOverlap: 1, maxTokens: 1e6 },
          codec,
        );
        assert.equal(all.length, 1);
        assert.ok(all[0]!.trained.subarray(1).every((flag) => flag === 1));
        const text = codec.tokenizer.display([...all[0]!.tokens]);
        assert.ok(text === one.whole || text === one.whole + eos, text);
      });
    }
  });
}

/** A conversation of one to five turns, sometimes with a system message, thoughts, or a call and its result. */
function randomConversation(
  random: (limit: number) => number,
  may: { tools: boolean; system: boolean },
): Extract<Example, { kind: "messages" }> {
  const pieces = [
    "yes",
    " ",
    "\n",
    "é",
    "日本",
    "<b>",
    "{{x}}",
    "assistant\n",
    "?",
    "  two  ",
    "<think>",
    "</think>\n",
    "model",
  ];
  const words = () => Array.from({ length: 1 + random(6) }, () => pieces[random(pieces.length)]).join("");
  const messages: Message[] = may.system && random(3) === 0 ? [{ role: "system", content: words() }] : [];
  for (let turns = 1 + random(5); turns > 0; turns--) {
    messages.push({ role: "user", content: words() });
    if (may.tools && random(3) === 0) {
      const call = { id: "abcdefgh1", type: "function", function: { name: "f", arguments: { x: words() } } } as const;
      messages.push({ role: "assistant", content: "", tool_calls: [call] });
      messages.push({ role: "tool", content: words(), tool_call_id: "abcdefgh1" });
    }
    messages.push({ role: "assistant", content: words(), ...(random(3) === 0 && { reasoning_content: words() }) });
  }
  return { kind: "messages", messages };
}

function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
}
