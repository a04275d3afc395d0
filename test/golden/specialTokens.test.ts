/**
 * Compares the tokens around a text with transformers (chat_special.py): special tokens from every file that can name them, BOS
 * and EOS as placed by its post-processor, and one end token per example.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { z } from "zod";
import { codecOf } from "../../trainer/data/encoding/codec.ts";
import { encodeExample } from "../../trainer/data/encoding/encode.ts";
import { questionOf } from "../../trainer/data/encoding/questions.ts";

const ids = z.array(z.number());
const golden = z.object({
  tokenizer: z.looseObject({}),
  cases: z.array(
    z.object({
      name: z.string(),
      config: z.looseObject({}),
      map: z.looseObject({}).optional(),
      added: z.looseObject({}).optional(),
      post_processor: z.looseObject({}).optional(),
      eosId: z.number(),
      texts: z.array(z.object({ text: z.string(), ids, inner: ids })),
    }),
  ),
});

const path = new URL("data/chat/special-tokens.json", import.meta.url);
const { tokenizer: file, cases } = golden.parse(JSON.parse(readFileSync(path, "utf8")));
const begin = 0;

describe("special tokens equal those of transformers, and each example has one end token", () => {
  for (const { name, config, map, added, post_processor, eosId, texts } of cases) {
    test(`the special tokens are the same: ${name}`, async () => {
      const codec = await codecOf({
        tokenizer: JSON.stringify({ ...file, post_processor: post_processor ?? null }),
        config: JSON.stringify(config),
        specialTokensMap: map && JSON.stringify(map),
        addedTokens: added && JSON.stringify(added),
      });
      assert.equal(codec.tokenizer.eosId, eosId);
      const options = { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: 1e6 } as const;
      for (const { text, ids, inner } of texts) {
        assert.deepEqual(await codec.tokenizer.encode(text), inner);
        if (text === "") continue;
        const once = withoutCopies(ids, eosId);
        const expected = once.at(-1) === eosId ? once : [...once, eosId];
        const { sequences } = await encodeExample({ kind: "text", text }, options, codec);
        assert.deepEqual([...sequences[0]!.tokens], expected, text);
        const asked = await questionOf({ kind: "promptCompletion", prompt: text, completion: "x" }, codec);
        assert.deepEqual(asked.prompt, withoutEnd(once, inner, eosId), text);
      }
    });
  }
});

/** In transformers a text that already begins or ends with the added token has it twice. */
function withoutCopies(given: readonly number[], eosId: number): number[] {
  const begun = given[0] === begin && given[1] === begin ? given.slice(1) : given;
  return begun.at(-1) === eosId && begun.at(-2) === eosId ? begun.slice(0, -1) : [...begun];
}

/** A completion follows its prompt, so the post-processor's end token comes after the completion. */
function withoutEnd(given: readonly number[], inner: readonly number[], eosId: number): number[] {
  return given.at(-1) === eosId && inner.at(-1) !== eosId ? given.slice(0, -1) : [...given];
}
