import assert from "node:assert/strict";
import { test } from "node:test";
import { declarations } from "../../../trainer/contract/methods/index.ts";
import { method } from "../../../trainer/contract/settings.ts";
import { type MethodResult, page, plot, type Trained } from "./page.ts";
import { methodEntries } from "./settings.ts";

test("the comparison of methods has a valid entry for every method that starts from the base alone", () => {
  const compared = declarations.filter(({ givesAdapters }) => givesAdapters === undefined);
  assert.deepEqual(Object.keys(methodEntries).sort(), compared.map(({ kind }) => kind).sort());
  for (const [kind, variants] of Object.entries(methodEntries)) {
    for (const [name, entry] of Object.entries(variants)) {
      assert.deepEqual(Object.keys(method.parse(entry.method)), [kind], name);
    }
  }
});

const trained = (score: number): Trained => ({
  score,
  loss: 0.25,
  trainableParameters: 12_000,
  adapterBytes: 48_000,
});

test("the page has the mean and the spread over the seeds, and the reason of a method that cannot be trained", () => {
  const results: MethodResult[] = [
    {
      name: "lora",
      kind: "lora",
      trained: [trained(0.9), trained(0.92), trained(0.88)],
      speed: { peakBytes: 300 * 2 ** 20, tokensPerSecond: 5000 },
      latency: { one: 3, many: 12 },
      merges: true,
    },
    { name: "bitfit", kind: "bitfit", refusal: "this model has no biases" },
  ];
  const facts = { base: "demo/base", before: 0.1, majority: 0.5, latency: { one: 2, many: 10 }, machine: "2 cores" };
  const budget = { steps: 10, batchTokens: 512, maxSequenceLength: 128, seeds: 3 };
  const text = page(results, facts, budget);
  assert.match(text, /\| \[`lora`\]\(methods\/lora\.md\) +\| 90\.0 ± 2\.0 % +\| 0\.250 ± 0\.000 +\| 12\.0 k/);
  assert.match(text, /\| 3\.00 +\| 12\.0 +\| 2\.00 +\| 10\.0 +\|/, "a merged adapter costs what the base does");
  assert.match(text, /`bitfit`.*this model has no biases/);
  const svg = plot(results);
  assert.equal(svg.match(/<circle/g)?.length, 1);
  assert.match(svg, />lora</);
});
