import assert from "node:assert/strict";
import { test } from "node:test";
import { readModelConfig } from "../../trainer/contract/model.ts";
import { config, normals, tensorShapes } from "./initial.ts";

test("the configuration is one the trainer reads, and every shape follows from it", () => {
  const model = readModelConfig(config);
  const shapes = new Map(tensorShapes().map(({ name, shape }) => [name, shape]));
  assert.deepEqual(shapes.get("model.embed_tokens.weight"), [model.vocabSize, model.hiddenSize]);
  assert.deepEqual(shapes.get("model.layers.5.self_attn.k_proj.weight"), [model.kvHeads * model.headDim, 256]);
  assert.equal(shapes.size, 2 + 9 * model.layers);
});

test("the model has 5.8 million parameters", () => {
  const count = tensorShapes().reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
  assert.equal(count, 5_770_496);
});

test("normals have the asked deviation and follow from their key", () => {
  const values = normals("1/a", 20_000, 0.02);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  assert.ok(Math.abs(mean) < 6e-4, `mean ${mean}`);
  assert.ok(Math.abs(deviation / 0.02 - 1) < 0.02, `deviation ${deviation}`);
  assert.deepEqual(normals("1/a", 3, 0.02), values.slice(0, 3));
  assert.notDeepEqual(normals("1/b", 3, 0.02), values.slice(0, 3));
});
