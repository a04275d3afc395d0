import assert from "node:assert/strict";
import { test } from "node:test";
import { readModelConfig, UnsupportedModelError } from "./model.ts";

const llama = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: 4096,
  hidden_size: 256,
  intermediate_size: 768,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: true,
};

test("a Llama config is read, defaults included", () => {
  assert.deepEqual(readModelConfig(llama), {
    family: "llama",
    vocabSize: 4096,
    hiddenSize: 256,
    intermediateSize: 768,
    layers: 6,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    contextLength: 1024,
    ropeTheta: 10_000,
    rmsNormEps: 1e-5,
    tieWordEmbeddings: true,
  });
  const { num_key_value_heads: _, ...withoutGrouping } = llama;
  assert.equal(readModelConfig(withoutGrouping).kvHeads, 4);
});

test("a Qwen3 config is read, its heads' width by itself", () => {
  const { family, headDim, tieWordEmbeddings } = readModelConfig({
    ...llama,
    model_type: "qwen3",
    architectures: ["Qwen3ForCausalLM"],
    head_dim: 128,
    attention_bias: false,
    use_sliding_window: false,
    sliding_window: null,
    layer_types: ["full_attention", "full_attention"],
    tie_word_embeddings: false,
  });
  assert.deepEqual([family, headDim, tieWordEmbeddings], ["qwen3", 128, false]);
});

for (const [what, change, expected] of [
  [
    "another architecture",
    { model_type: "bert" },
    /model_type "bert" is not supported; supported: llama, mistral, qwen2, qwen3/,
  ],
  ["a sliding window", { use_sliding_window: true }, /use_sliding_window true/],
  [
    "a layer with a window",
    { layer_types: ["full_attention", "sliding_attention"] },
    /layer_types "sliding_attention" is not supported; supported: full_attention/,
  ],
  ["another activation", { hidden_act: "gelu" }, /hidden_act "gelu"/],
  ["biases", { attention_bias: true }, /attention_bias true/],
  [
    "a scaling without its numbers",
    { rope_scaling: { rope_type: "llama3" } },
    /rope_scaling.low_freq_factor is missing/,
  ],
  ["a head count that does not group", { num_key_value_heads: 3 }, /num_key_value_heads/],
  ["heads that do not divide the width", { num_attention_heads: 3 }, /headDim/],
  ["an enormous width", { hidden_size: 1e15 }, /hiddenSize/],
  ["a negative size", { num_hidden_layers: -1 }, /layers/],
  ["a missing field", { vocab_size: undefined }, /vocab_size/],
  ["a string for a number", { vocab_size: "4096" }, /vocab_size/],
  ["not an object", "config", /config.json/],
] as const) {
  test(`${what} is refused by name`, () => {
    const config = typeof change === "string" ? change : { ...llama, ...change };
    assert.throws(
      () => readModelConfig(config),
      (error: unknown) => error instanceof UnsupportedModelError && expected.test(error.message),
    );
  });
}
