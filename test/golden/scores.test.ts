/** Scores of answers beside rouge-score and torchmetrics (scores.py), and predicted answers beside the logits of transformers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { CacheForward } from "../../trainer/engine/cacheForward.ts";
import { type GivenAnswer, predict } from "../../trainer/generation/prediction.ts";
import { rougeL, wordOverlap } from "../../trainer/generation/scores.ts";
import { openCase, slots } from "./engines.ts";
import { goldenPath, readCase } from "./goldens.ts";
import { rowsOfStep } from "./rows.ts";

const scores = z.array(
  z.strictObject({ answer: z.string(), reference: z.string(), rougeL: z.number(), f1: z.number() }),
);

test("ROUGE-L equals rouge-score's and F1 equals that of SQuAD", () => {
  const pairs = scores.parse(JSON.parse(readFileSync(goldenPath("scores.json"), "utf8")));
  assert.equal(pairs.length, 100);
  for (const { answer, reference, ...expected } of pairs) {
    const place = JSON.stringify([answer, reference]);
    assert.ok(Math.abs(rougeL(answer, reference) - expected.rougeL) < 1e-12, place);
    // torchmetrics computes in F32.
    assert.ok(Math.abs(wordOverlap(answer, reference) - expected.f1) < 1e-6, place);
  }
});

test("predicted answers have the probabilities and the likeliest tokens of transformers' logits", async () => {
  const golden = readCase("full-untied");
  using run = await openCase(golden, { backend: "cpu", precision: "F32" });
  const { dataset, shape, rope, engine } = run;
  const rows = rowsOfStep(1, dataset.rowCount);
  const [first, last] = [dataset.rowStart[rows[0]]!, dataset.rowStart[rows[1] + 1]!];
  const logits = golden.tensors.values("logits");
  const vocabulary = logits.length / (dataset.exampleStart[last]! - dataset.exampleStart[first]!);
  const expected = { tokens: 0, likeliest: 0, surprise: 0 };
  const given: GivenAnswer[] = [];
  for (let example = first; example < last; example++) {
    const [start, end] = [dataset.exampleStart[example]!, dataset.exampleStart[example + 1]!];
    const ids = [...dataset.tokens.subarray(start, end)];
    given.push({ prompt: ids.slice(0, 3), answer: ids.slice(3) });
    for (let position = 3; position < ids.length; position++) {
      const at = (start - dataset.exampleStart[first]! + position - 1) * vocabulary;
      const row = [...logits.subarray(at, at + vocabulary)];
      const most = Math.max(...row);
      expected.tokens++;
      if (row[ids[position]!] === most) expected.likeliest++;
      expected.surprise +=
        Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) + most - row[ids[position]!]!;
    }
  }
  const cache = new CacheForward(
    engine,
    { slots, capacity: shape.rowTokens, prefillTokens: 2 * shape.rowTokens },
    rope,
  );
  let done = 0;
  // More answers than slots, and one without tokens.
  const twice = [...given, { prompt: [1], answer: [] }, ...given];
  const found = await predict(cache, twice, { onAnswer: () => done++, signal: new AbortController().signal });
  assert.equal(done, 2 * given.length);
  assert.ok(twice.length > slots && expected.tokens > 40);
  assert.deepEqual([found.tokens, found.likeliest], [2 * expected.tokens, 2 * expected.likeliest]);
  assert.ok(Math.abs(found.surprise / (2 * expected.surprise) - 1) < 1e-5, String(found.surprise));
});
