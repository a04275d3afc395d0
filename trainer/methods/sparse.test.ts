/** The files of sparse differences: written and read back, and refused where they do not fit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamedValues } from "./peft.ts";
import { fromSparse, isWhole, sparseFault, toSparse } from "./sparse.ts";

const diff: NamedValues = {
  name: "model.layers.0.q_proj.diff",
  shape: [2, 3],
  values: Float32Array.of(0, 0, 0.5, -1, 0, 0),
};

test("a difference is saved as row, column and value of what is not zero, and read back as it was", () => {
  const [indices, values, shape] = toSparse(diff);
  assert.deepEqual(indices?.values, Float32Array.of(0, 2, 1, 0));
  assert.deepEqual([indices?.shape, indices?.dtype], [[2, 2], "I32"]);
  assert.deepEqual(values?.values, Float32Array.of(0.5, -1));
  assert.deepEqual([shape?.values, shape?.dtype], [Float32Array.of(2, 3), "I32"]);
  assert.deepEqual(fromSparse(toSparse(diff)), [diff]);
  const none = { ...diff, values: new Float32Array(6) };
  assert.deepEqual(fromSparse(toSparse(none)), [none]);
  assert.deepEqual(
    toSparse(diff).map(({ name }) => isWhole(name)),
    [true, false, true],
  );
});

test("a sparse difference that does not fit its matrix is refused by name", () => {
  const changed = (part: number, values: number[], dims?: number[]) =>
    toSparse(diff).map((one, at) =>
      at === part ? { ...one, values: Float32Array.from(values), shape: dims ?? one.shape } : one,
    );
  assert.throws(() => fromSparse(changed(0, [0, 2, 2, 0])), /q_proj: entry 1 is \[2, 0\], outside of \[2, 3\]/);
  assert.throws(() => fromSparse(changed(0, [0, -1, 1, 0])), /entry 0 is \[0, -1\]/);
  assert.throws(() => fromSparse(changed(2, [0, 3])), /diff_shape is \[0, 3\], which is no matrix/);
  assert.throws(() => fromSparse(changed(2, [2 ** 24, 2 ** 24])), /which is no matrix/);
  assert.throws(() => fromSparse(changed(1, [1], [1])), /2 indices and 1 values/);
  const [indices, values, shape] = toSparse(diff).map(({ name }) => name);
  const all = (name: string) => [indices, values, shape].includes(name);
  assert.equal(sparseFault({ key: indices!, shape: [5, 2] }, all), undefined);
  assert.match(sparseFault({ key: indices!, shape: [5, 3] }, all) ?? "", /diff_indices has shape \[5, 3\]/);
  assert.match(sparseFault({ key: values!, shape: [5] }, (name) => name !== shape) ?? "", /diff_shape is missing/);
  assert.match(
    sparseFault({ key: "base_model.model.q_proj.weight", shape: [5] }, all) ?? "",
    /not of a sparse difference/,
  );
});
