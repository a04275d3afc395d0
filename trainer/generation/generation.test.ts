import assert from "node:assert/strict";
import { test } from "node:test";
import { exactMatch } from "./exactMatch.ts";
import { sampleToken } from "./sample.ts";

test("an exact match equals the trimmed reference, and the share of the commonest reference is reported", () => {
  assert.deepEqual(exactMatch([" yes", "no\n", "maybe", "yes"], ["yes", "no", "no", "no"]), {
    exactMatch: 0.5,
    examples: 4,
    majorityShare: 0.75,
  });
});

test("many different references are counted", () => {
  const references = Array.from({ length: 130_000 }, (_, index) => `answer ${index}`);
  assert.equal(exactMatch(references, references).majorityShare, 1 / 130_000);
});

test("sampling follows the distribution at the temperature and is repeatable", () => {
  const logits = Float32Array.of(Math.log(0.7), Math.log(0.3), -40);
  const draw = (temperature: number) => Array.from({ length: 4000 }, (_, i) => sampleToken(logits, temperature, 5, i));
  const share = (tokens: number[]) => tokens.filter((token) => token === 0).length / tokens.length;
  assert.ok(Math.abs(share(draw(1)) - 0.7) < 0.03);
  // At 1/2 the odds 7:3 become 49:9.
  assert.ok(Math.abs(share(draw(0.5)) - 49 / 58) < 0.03);
  assert.deepEqual(draw(1), draw(1));
});
