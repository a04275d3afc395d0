/** Writing the differences without copies of the matrices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { usualMethod } from "../../contract/methods/index.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { uniform } from "../../testing/opCases.ts";
import { methodOf } from "../index.ts";
import { gateOf } from "./gates.ts";

const layers = [
  { name: "a", shape: [300, 400] },
  { name: "b", shape: [7, 11] },
] as const;

test("the largest differences of all layers are written, in pieces as in whole matrices", () => {
  const next = uniform(9);
  const random = (count: number, of: () => number) => Float32Array.from({ length: count }, of);
  const parameters = layers.flatMap(({ name, shape }) => [
    { name: `${name}.diff`, shape, values: random(elementsOf(shape), () => (next() - 0.5) ** 3) },
    { name: `${name}.diff_alpha`, shape, values: random(elementsOf(shape), () => 8 * next() - 4) },
    { name: `${name}.diff_group`, shape: [1], values: Float32Array.of(name === "a" ? 0.3 : 2) },
  ]);
  const of = (name: string) => parameters.find((one) => one.name === name)!.values;
  const whole = layers.map(({ name }) => {
    const group = gateOf(of(`${name}.diff_group`)[0]!);
    return of(`${name}.diff`).map((w, at) => w * gateOf(of(`${name}.diff_alpha`)[at]!) * group);
  });
  for (const density of [0.001, 0.2, 1]) {
    const all = whole.flatMap((values) => Array.from(values, Math.abs)).sort((a, b) => b - a);
    const threshold = all[Math.round(density * all.length) - 1]!;
    const expected = whole.map((values) => values.map((value) => (Math.abs(value) >= threshold ? value : 0)));
    const settings = { ...usualMethod("diffPruning"), density };
    const tensors = methodOf(settings).peft!.toPeft(parameters);
    const read = methodOf(settings).peft!.fromPeft(tensors, {});
    // A report of so many differing numbers would take minutes.
    for (const [index, { values }] of read.entries()) {
      const wrong = values.findIndex((value, at) => value !== expected[index]![at]);
      assert.equal(wrong, -1, `${density}, layer ${index}: ${values[wrong]} and ${expected[index]![wrong]}`);
    }
    assert.equal(read.length, layers.length);
    const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
    const bytes = tensors.reduce((sum, { values, dtype }) => sum + values.byteLength * (dtype ? 2 : 1), 0);
    assert.ok(methodOf(settings).writingBytes(shapes) >= bytes - 64, "the plan counts what writing allocates");
  }
});
