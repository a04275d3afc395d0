import assert from "node:assert/strict";
import { test } from "node:test";
import { normalisedText, shingles, withoutNearDuplicates } from "./duplicates.ts";

const offer = "save up to 50 dollars on every order placed before the end of this month";

test("texts that differ only in case, punctuation and numbers count as the same text", () => {
  assert.equal(normalisedText("Save 50%, NOW!"), normalisedText("save 73 now"));
  assert.deepEqual(withoutNearDuplicates([offer, offer.toUpperCase().replace("50", "75!")]), [0]);
});

test("a text with a changed ending is a near-duplicate; a text with a shared phrase is not", () => {
  assert.deepEqual(withoutNearDuplicates([offer, `${offer} dear friend`]), [0]);
  assert.deepEqual(
    withoutNearDuplicates([offer, "we met at the end of this month and talked about the garden"]),
    [0, 1],
  );
});

test("a text is compared with kept texts, not with dropped copies", () => {
  const words = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `w${"abcdefghijklmnopqrst"[from + i]}`).join(" ");
  assert.deepEqual(withoutNearDuplicates([words(0, 14), words(3, 16), words(8, 20)]), [0, 2]);
});

test("a text shorter than a shingle is one shingle", () => {
  assert.deepEqual([...shingles("Hi there")], ["hi there"]);
});
