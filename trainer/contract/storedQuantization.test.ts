import assert from "node:assert/strict";
import { test } from "node:test";
import { llama } from "../testing/llamaConfig.ts";
import { readModelConfig, storedQuantization } from "./model.ts";
import { isSkipped } from "./storedQuantization.ts";

test("a quantization_config of bitsandbytes' NF4 is read, and any other is refused with its field and the fix", () => {
  const nf4 = { quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_quant_type: "nf4" };
  const of = (config: object) => storedQuantization({ ...llama, quantization_config: config });
  assert.deepEqual(of(nf4), { method: "bitsandbytes", skipped: undefined });
  assert.deepEqual(of({ ...nf4, llm_int8_skip_modules: ["lm_head"] }), {
    method: "bitsandbytes",
    skipped: ["lm_head"],
  });
  assert.equal(readModelConfig({ ...llama, quantization_config: nf4 }).family, "llama");
  assert.equal(storedQuantization(llama), undefined);
  for (const [config, reason] of [
    [{ quant_method: "gptq", bits: 4 }, /quantization_config\.quant_method "gptq" is not supported/],
    [{ quant_method: "awq" }, /quant_method "awq"/],
    [{ quant_method: "fp8" }, /quant_method "fp8"/],
    [{ quant_method: "mxfp4" }, /quant_method "mxfp4"/],
    [{}, /quant_method \(none\)/],
    [{ ...nf4, load_in_4bit: false, load_in_8bit: true }, /load_in_8bit true is not supported/],
    [{ ...nf4, load_in_4bit: false }, /load_in_4bit is not true/],
    [{ ...nf4, bnb_4bit_quant_type: "fp4" }, /bnb_4bit_quant_type "fp4" is not supported/],
    [{ quant_method: "bitsandbytes", load_in_4bit: true }, /bnb_4bit_quant_type "fp4" is not supported/],
    [
      { ...nf4, llm_int8_skip_modules: ["(a+)+b"] },
      /llm_int8_skip_modules has "\(a\+\)\+b", which is not a module's name/,
    ],
    [{ ...nf4, llm_int8_skip_modules: "lm_head" }, /it must be a list of names/],
    [[], /quantization_config is \[\]; it must be an object/],
  ] as const) {
    assert.throws(() => readModelConfig({ ...llama, quantization_config: config }), reason);
  }
  assert.throws(
    () => of({ quant_method: "gptq" }),
    /take the model as it was before its quantisation.*set baseModel\.quantization/,
  );
});

test("a module is skipped as transformers matches the names", () => {
  const isOne = (skipped: string[], module: string) => isSkipped({ method: "bitsandbytes", skipped }, module);
  assert.ok(isOne(["model.layers.1"], "model.layers.1.mlp.up_proj"));
  assert.ok(!isOne(["model.layers.1"], "model.layers.11.mlp.up_proj"));
  assert.ok(isOne(["up_proj"], "model.layers.1.mlp.up_proj"));
  assert.ok(!isOne(["mlp"], "model.layers.1.mlp.up_proj"));
});

test("a quantization_config is refused by name, and one of null is like a missing one", () => {
  assert.throws(
    () => readModelConfig({ ...llama, quantization_config: { quant_method: "fp8" } }),
    /quantization_config\.quant_method "fp8" is not supported.*take the model as it was before its quantisation/,
  );
  assert.equal(readModelConfig({ ...llama, quantization_config: null }).family, "llama");
});
