/** Compares the usual kinds of tokenizers with the tokenizers library (chat_tokenizers.py): ids of texts, and texts of ids. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { z } from "zod";
import { Tokenizer } from "../../trainer/data/tokenizer/tokenizer.ts";

const encodings = z.array(z.object({ text: z.string(), ids: z.array(z.number()), decoded: z.string() }));
const whole = z.object({ tokenizer: z.looseObject({}), encodings });
const inParts = z.object({
  tokenizer: z.looseObject({}),
  variants: z.array(z.object({ name: z.string(), parts: z.looseObject({}), encodings })),
});

const read = (kind: string): unknown =>
  JSON.parse(readFileSync(new URL(`data/chat/tokenizer-${kind}.json`, import.meta.url), "utf8"));
const tokenizerOf = (file: object) =>
  Tokenizer.load({ tokenizer: JSON.stringify(file), config: JSON.stringify({ eos_token: "<|im_end|>" }) });

const byteFallback = inParts.parse(read("bytefallback"));
const kinds = [
  ...z.array(whole.extend({ name: z.string() })).parse(read("kinds")),
  ...["gpt2", "llama3", "qwen"].map((kind) => ({ name: kind, ...whole.parse(read(kind)) })),
  ...[byteFallback, inParts.parse(read("splits"))].flatMap(({ tokenizer, variants }) =>
    variants.map(({ name, parts, encodings }) => ({ name, tokenizer: { ...tokenizer, ...parts }, encodings })),
  ),
];

describe("texts are encoded and decoded as by the tokenizers library", () => {
  for (const { name, tokenizer, encodings } of kinds) {
    test(`the tokenizer ${name} gives the same tokens and texts`, async () => {
      const ours = await tokenizerOf(tokenizer);
      assert.deepEqual(
        await ours.encodeAll(encodings.map(({ text }) => ({ text, before: "" }))),
        encodings.map(({ ids }) => ids),
      );
      for (const { ids, decoded } of encodings) assert.equal(ours.display(ids), decoded);
    });
  }
});

for (const { name, parts } of byteFallback.variants) {
  test(`a continued text is decoded as if it had been encoded at once: ${name}`, async () => {
    const ours = await tokenizerOf({ ...byteFallback.tokenizer, ...parts });
    for (const { text } of byteFallback.variants[0]!.encodings) {
      const characters = Array.from(text.slice(0, 60));
      for (let cut = 0; cut <= characters.length; cut++) {
        const [first, second] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
        const begun = await ours.encode(first);
        const ids = [...begun, ...(await ours.encode(second, first))];
        const atOnce = await ours.encode(first + second);
        // An added token that is cut in two is no longer that token.
        if (!/<[^>]*$/.test(first) && !second.startsWith(">")) assert.equal(ours.display(ids), ours.display(atOnce));
        if (first.endsWith("<|im_start|>")) assert.deepEqual(ids, atOnce);
        if (first === "") assert.equal(begun.length, 0);
      }
    }
  });
}
