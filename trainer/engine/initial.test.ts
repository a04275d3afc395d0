import assert from "node:assert/strict";
import { test } from "node:test";
import { initialValues, rowNorms } from "./initial.ts";

const meanSquare = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0) / values.length;

test("a normal initialisation has its deviation and depends on seed and name", () => {
  const start = (name: string, seed: number) =>
    initialValues({ name, shape: [40, 250] }, { kind: "normal", deviation: 0.5 }, seed);
  const values = start("a", 1);
  assert.ok(Math.abs(meanSquare(values) - 0.25) < 0.01);
  assert.deepEqual(start("a", 1), values);
  assert.notDeepEqual(start("a", 2), values);
  assert.notDeepEqual(start("b", 1), values);
});

test("orthogonal factors are random and their product is zero", () => {
  const [rank, width, out] = [6, 50, 30];
  const factor = (part: "a" | "b", shape: number[]) =>
    initialValues({ name: `site.${part}`, shape }, { kind: "orthogonal", pair: "site", part }, 7);
  const [a, b] = [factor("a", [rank, width]), factor("b", [out, rank])];
  // A sum of rank/2 products of a normal number and an element of an orthogonal matrix, over 10.
  for (const values of [a, b]) assert.ok(Math.abs(Math.sqrt(meanSquare(values)) - Math.SQRT1_2 / 10) < 0.02);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += b[o * rank + k]! * a[k * width + i]!;
      assert.ok(Math.abs(sum) < 1e-7, `B·A at ${o}, ${i} is ${sum}`);
    }
  }
});

test("rowNorms gives the norm of each row of a matrix", () => {
  assert.deepEqual(rowNorms(Float32Array.of(3, 4, 0, 0, 5, 12), [3, 2]), Float32Array.of(5, 0, 13));
});

test("a parameter's initial values depend on its name and the seed and stay within their bound", () => {
  const tensor = { name: "a.lora_A.weight", shape: [64, 256] };
  const initial = { kind: "kaimingUniform", a: Math.sqrt(5) } as const;
  const values = initialValues(tensor, initial, 7);
  assert.deepEqual(values, initialValues(tensor, initial, 7));
  assert.notDeepEqual(values, initialValues(tensor, initial, 8));
  assert.notDeepEqual(values, initialValues({ ...tensor, name: "b.lora_A.weight" }, initial, 7));
  const bound = 1 / Math.sqrt(256);
  assert.ok(values.every((value) => Math.abs(value) <= bound));
  assert.ok(Math.max(...values) > 0.99 * bound);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  assert.ok(Math.abs(deviation - bound / Math.sqrt(3)) < 0.02 * bound);
});
