import assert from "node:assert/strict";
import { test } from "node:test";
import { declarations } from "../../../trainer/contract/methods/index.ts";
import { method } from "../../../trainer/contract/settings.ts";
import { type MethodResult, page, plot, section, type Trained } from "./page.ts";
import { climb } from "./rates.ts";
import { methodEntries, usualBudget } from "./settings.ts";

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

test("the table of a base has the mean and the spread over the seeds, and the reason of a method that cannot be trained", () => {
  const results: MethodResult[] = [
    {
      name: "lora",
      kind: "lora",
      learningRate: "1e-3",
      trained: [trained(0.9), trained(0.92), trained(0.88)],
      speed: { peakBytes: 300 * 2 ** 20, tokensPerSecond: 5000 },
      latency: { one: 3, many: 12 },
      merges: true,
    },
    { name: "bitfit", kind: "bitfit", learningRate: "1e-2", refusal: "this model has no biases" },
  ];
  const facts = {
    base: "demo/base",
    before: 0.1,
    majority: 0.5,
    examples: 262,
    latency: { one: 2, many: 10 },
    machine: "2 cores",
  };
  const text = section(results, facts, usualBudget, "plot.svg");
  assert.match(text, /\| \[`lora`\]\(methods\/lora\.md\) +\| 1e-3 +\| 90\.0 ± 2\.0 % +\| 0\.250 ± 0\.000 +\| 12\.0 k/);
  assert.match(text, /\| 3\.00 +\| 12\.0 +\| 2\.00 +\| 10\.0 +\|/, "a merged adapter costs what the base does");
  assert.match(text, /`bitfit`.*this model has no biases/);
  assert.ok(page([text]).endsWith(text));
  const svg = plot(results);
  assert.equal(svg.match(/<circle/g)?.length, 1);
  assert.match(svg, />lora</);
});

test("the search for a rate ends at the lowest loss on the grid, from either side, and calls each rate once", () => {
  for (const [start, lowest] of [
    ["3e-4", 1e-2],
    ["1e-1", 1e-2],
    ["1e-2", 1e-2],
    ["3e-1", 3e-3],
  ] as const) {
    const tried: string[] = [];
    const found = climb(start, (rate) => {
      tried.push(rate);
      return Math.abs(Math.log(Number(rate) / lowest));
    });
    assert.equal(Number(found), lowest);
    assert.equal(new Set(tried).size, tried.length);
  }
  assert.equal(
    climb("1e-2", () => Number.NaN),
    "1e-2",
  );
});
