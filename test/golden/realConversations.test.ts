/**
 * Real conversations with the tokenizers and templates of real models, against transformers and TRL: each family a third of
 * them here, all of them in `npm run soak -- conversations`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { holdFamily, kept, templates, tokenizerText } from "./realConversations.ts";

for (const [number, family] of kept.entries()) {
  test(`tokens and masks of real conversations are those of transformers: ${family}`, async (t) => {
    const isChosen = (index: number) => index % 3 === number % 3;
    const found = await holdFamily(family, tokenizerText(family), templates(family), isChosen);
    t.diagnostic(JSON.stringify(found));
    assert.ok(found.tokens >= 5 && found.masks >= 20, JSON.stringify(found));
  });
}
