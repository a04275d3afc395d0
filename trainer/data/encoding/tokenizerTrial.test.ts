import assert from "node:assert/strict";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { tryTokenizer } from "./tokenizerTrial.ts";

const tiny = tinyTokenizerJson();
const config = JSON.stringify(tinyTokenizerConfig());
const charsmap = (...parts: Uint8Array[]) => ({
  normalizer: { type: "Precompiled", precompiled_charsmap: Buffer.concat(parts).toString("base64") },
});

/** Damage by which the tokenizers library ends its process. */
const damage: [what: string, changes: object][] = [
  ["a Precompiled normalizer without a table", charsmap()],
  ["a Precompiled normalizer whose table leads out of itself", charsmap(Buffer.of(8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8))],
  ["a Replace that matches the empty text", { normalizer: { type: "Replace", pattern: { String: "" }, content: "x" } }],
  ["a Replace that matches every start", { normalizer: { type: "Replace", pattern: { Regex: "^" }, content: "x" } }],
  ["a FixedLength of 0", { pre_tokenizer: { type: "FixedLength", length: 0 } }],
  [
    "a TemplateProcessing without its tokens",
    {
      post_processor: {
        ...{ type: "TemplateProcessing", pair: [], special_tokens: {} },
        single: [{ SpecialToken: { id: "x", type_id: 0 } }],
      },
    },
  ],
];
for (const [what, changes] of damage) {
  test(`a tokenizer with ${what} is refused with the file and the fix, and this process continues`, async () => {
    await assert.rejects(tryTokenizer({ tokenizer: JSON.stringify({ ...tiny, ...changes }), config }), {
      code: 20,
      reason: "TokenizerInvalid",
      message: /^tokenizer\.json: .* failed on a short text, .*damaged; replace it with the one/,
    });
  });
}

test("a usable tokenizer passes the trial, whatever its model's template is, and a faulty one is refused by its fault", async () => {
  const tokenizer = JSON.stringify(tiny);
  await tryTokenizer({ tokenizer, config: JSON.stringify({ ...tinyTokenizerConfig(), chat_template: "{% if" }) });
  await assert.rejects(tryTokenizer({ tokenizer: "{", config }), {
    reason: "BaseModelInvalid",
    message: /tokenizer\.json/,
  });
});
