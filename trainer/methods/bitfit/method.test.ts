/** The models that BitFit refuses, and what it trains in the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { usualMethod } from "../../contract/methods/index.ts";
import { aSpec, tinyModel } from "../../testing/compiledRun.ts";

const method = usualMethod("bitfit");

test("BitFit on a model without biases is refused with the reason and other methods", () => {
  assert.throws(
    () => compile(aSpec({ method })),
    /method\.bitfit trains biases, and this model has none: set method\.ia3 .* or method\.lora/,
  );
});

test("BitFit trains the chosen biases alone, and refuses layers without any", () => {
  const model = { ...tinyModel, family: "qwen2" } as const;
  const trainedBy = (targetModules: string[]) =>
    compile(aSpec({ model, method: { ...method, targetModules, layers: [1] } }))
      .state.filter(({ role }) => role === "parameter")
      .map(({ name }) => name);
  const biases = (...names: string[]) => names.map((name) => `model.layers.1.self_attn.${name}_proj.bias`);
  assert.deepEqual(trainedBy(["all-linear"]), biases("q", "k", "v"));
  assert.deepEqual(trainedBy(["v_proj"]), biases("v"));
  assert.throws(() => trainedBy(["o_proj"]), /the chosen layers have none: choose among q_proj, k_proj, v_proj/);
});
