import assert from "node:assert/strict";
import { test } from "node:test";
import { llama } from "../testing/llamaConfig.ts";
import { modelConfig, readModelConfig, storedQuantization, UnsupportedModelError } from "./model.ts";

test("a Llama config is read with its defaults", () => {
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

test("a Qwen3 config is read with its own head_dim", () => {
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

test("absent fields get the defaults that transformers has for the family", () => {
  const { num_key_value_heads: _, ...ungrouped } = { ...llama, num_attention_heads: 64, hidden_size: 2048 };
  const of = (family: string, change: object = {}) => readModelConfig({ ...ungrouped, model_type: family, ...change });
  assert.equal(of("llama").kvHeads, 64);
  assert.equal(of("mistral", { sliding_window: null }).kvHeads, 8);
  assert.equal(of("qwen2").kvHeads, 32);
  assert.equal(of("qwen3").headDim, 128);
  assert.equal(of("qwen3", { num_key_value_heads: null }).kvHeads, 64);
});

const gemma3 = { ...llama, model_type: "gemma3_text", hidden_act: undefined, rope_theta: undefined, head_dim: 32 };
const sliding = "sliding_attention";
const whole = "full_attention";

test("the window and its layers are read as transformers reads them for the family", () => {
  const of = (family: string, change: object = {}) => {
    const config = { ...llama, num_hidden_layers: 4, model_type: family, max_position_embeddings: 8192, ...change };
    const { slidingWindow, slidingLayers } = readModelConfig(config);
    return [slidingWindow, slidingLayers];
  };
  const none = [undefined, undefined];
  const alternating = [sliding, whole, sliding, whole];
  const used = { use_sliding_window: true };
  const table: [string, object, unknown[]][] = [
    ["mistral", {}, [4096, undefined]],
    ["mistral", { sliding_window: null }, none],
    ["mistral", { sliding_window: 8192 }, none],
    ["mistral", { sliding_window: 1024 }, [1024, undefined]],
    ["ministral", { layer_types: alternating }, [4096, [0, 2]]],
    ["llama", { sliding_window: 1024 }, none],
    ["qwen2", { sliding_window: 1024 }, none],
    ["qwen2", { ...used, sliding_window: 1024, max_window_layers: 3 }, [1024, [3]]],
    ["qwen2", { ...used, sliding_window: 1024 }, none],
    ["qwen3", { ...used, sliding_window: 1024, layer_types: alternating }, [1024, [0, 2]]],
    ["gemma2", {}, [4096, [0, 2]]],
    ["gemma2", { layer_types: [whole, whole, whole, sliding] }, [4096, [3]]],
    ["gemma3_text", { rope_theta: undefined, sliding_window: 512, sliding_window_pattern: 2 }, [512, [0, 2]]],
    ["gemma3_text", { rope_theta: undefined, sliding_window: 512 }, [512, undefined]],
    ["gemma3_text", { rope_theta: undefined, sliding_window: 9000, sliding_window_pattern: 2 }, [8192, [0, 2]]],
    ["phi3", { sliding_window: 2047 }, [2047, undefined]],
    ["phi3", {}, none],
    ["smollm3", { ...used, sliding_window: 64, no_rope_layer_interval: 2 }, [64, [1, 3]]],
    ["smollm3", { sliding_window: 64 }, none],
  ];
  for (const [family, change, expected] of table) {
    const act = family.startsWith("gemma") ? { hidden_act: undefined } : {};
    assert.deepEqual(of(family, { ...act, ...change }), expected, `${family} ${JSON.stringify(change)}`);
  }
});

test("a window that its family does not have is refused by name", () => {
  for (const [change, expected] of [
    [
      { model_type: "mistral", layer_types: Array(6).fill(whole) },
      /layer_types "full_attention".*sliding_window is 4096/,
    ],
    [{ model_type: "qwen2", layer_types: Array(6).fill(sliding) }, /layer_types "sliding_attention" is not supported/],
    [{ model_type: "gemma2", hidden_act: undefined, layer_types: [sliding] }, /layer_types has 1 entries/],
    [{ ...gemma3, sliding_window: null }, /sliding_window null is not supported; it must be a number/],
    [{ model_type: "mistral", sliding_window: 0 }, /sliding_window is 0; it must be a whole number from 1/],
    [{ model_type: "olmo2", use_sliding_window: true }, /use_sliding_window true is not supported/],
  ] as const) {
    assert.throws(() => readModelConfig({ ...llama, max_position_embeddings: 8192, ...change }), expected);
  }
});

test("Gemma 3 has a rotary embedding for each type of layer, in the forms of transformers 4 and 5", () => {
  const ropes = (change: object) => {
    const { ropeTheta, ropeScaling, localRope } = readModelConfig({ ...gemma3, ...change });
    return [ropeTheta, ropeScaling, localRope];
  };
  const linear = { type: "linear", factor: 8 } as const;
  const older = { rope_scaling: { rope_type: "linear", factor: 8 } };
  assert.deepEqual(ropes({}), [1e6, undefined, { theta: 1e4 }]);
  assert.deepEqual(ropes({ ...older, rope_theta: 5e5, rope_local_base_freq: 2e4 }), [5e5, linear, { theta: 2e4 }]);
  const full_attention = { rope_type: "linear", factor: 8, rope_theta: 5e5 };
  const newer = { full_attention, sliding_attention: { rope_type: "default", rope_theta: 2e4 } };
  assert.deepEqual(ropes({ rope_parameters: newer }), [5e5, linear, { theta: 2e4 }]);
  assert.deepEqual(ropes({ rope_parameters: { full_attention: null } }), [1e6, undefined, { theta: 1e4 }]);
  assert.throws(() => ropes({ rope_parameters: { rope_theta: 1e4 } }), /rope_parameters of gemma3_text must have/);
  assert.throws(() => ropes({ attn_logit_softcapping: 50 }), /attn_logit_softcapping is not supported for gemma3_text/);
});

test("Gemma 2's caps are those of config.json, its own where that has none, and none where it is null", () => {
  const caps = (change: object) => {
    const model = readModelConfig({ ...llama, model_type: "gemma2", hidden_act: undefined, ...change });
    return [model.attentionSoftcap, model.logitSoftcap, model.attentionScale, model.headDim, model.tieWordEmbeddings];
  };
  assert.deepEqual(caps({}), [50, 30, 1 / 16, 256, true]);
  const given = { attn_logit_softcapping: null, final_logit_softcapping: 20, query_pre_attn_scalar: 64, head_dim: 8 };
  assert.deepEqual(caps(given), [undefined, 20, 1 / 8, 8, true]);
  assert.throws(() => caps({ hidden_activation: "gelu" }), /hidden_activation "gelu" is not supported/);
  assert.throws(() => caps({ final_logit_softcapping: -1 }), /final_logit_softcapping is -1; it must be/);
  assert.throws(() => caps({ use_bidirectional_attention: true }), /use_bidirectional_attention true/);
});

test("Phi-3's heads are rotated in part, by LongRoPE under each of its names", () => {
  const phi3 = { ...llama, model_type: "phi3", rope_theta: undefined, max_position_embeddings: 131_072 };
  const factors = { short_factor: Array(16).fill(1), long_factor: Array(16).fill(4) };
  for (const type of ["longrope", "su", "yarn"]) {
    const scaling = { rope_scaling: { type, ...factors } };
    const half = { partial_rotary_factor: 0.5, original_max_position_embeddings: 4096 };
    const { ropeScaling, rotaryWidth } = readModelConfig({ ...phi3, ...half, ...scaling });
    assert.equal(rotaryWidth, 32);
    assert.ok(ropeScaling?.type === "longrope");
    assert.deepEqual([ropeScaling.originalContext, ropeScaling.longFactor[0]], [4096, 4]);
    assert.ok(Math.abs(ropeScaling.attentionFactor - Math.sqrt(1 + Math.log(32) / Math.log(4096))) < 1e-12);
  }
  assert.equal(readModelConfig(phi3).rotaryWidth, undefined);
  const wrong = { rope_scaling: { type: "longrope", ...factors } };
  assert.throws(() => readModelConfig({ ...phi3, ...wrong }), /short_factor has 16 numbers; it must have 32/);
  assert.throws(() => readModelConfig({ ...phi3, rope_scaling: { type: "longrope" } }), /short_factor is undefined/);
  assert.throws(() => readModelConfig({ ...phi3, partial_rotary_factor: 1.5 }), /partial_rotary_factor is 1.5/);
});

test("SmolLM3's layers without a rotary embedding and Granite's factors are read", () => {
  const smollm3 = { ...llama, model_type: "smollm3", rope_theta: undefined };
  const noRope = (change: object) => readModelConfig({ ...smollm3, ...change }).noRopeLayers;
  assert.deepEqual([readModelConfig(smollm3).ropeTheta, noRope({})], [2e6, [3]]);
  assert.deepEqual(noRope({ no_rope_layers: [1, 0, 1, 1, 0, 1] }), [1, 4]);
  assert.equal(noRope({ no_rope_layers: [1, 1, 1, 1, 1, 1] }), undefined);
  assert.throws(() => noRope({ no_rope_layers: [1] }), /no_rope_layers has 1 entries/);
  const granite = { ...llama, model_type: "granite", embedding_multiplier: 12, logits_scaling: 8 };
  const { multipliers, attentionScale } = readModelConfig({ ...granite, attention_multiplier: 0.01 });
  assert.deepEqual([multipliers, attentionScale], [{ embedding: 12, residual: 1, logits: 8 }, 0.01]);
  assert.throws(() => readModelConfig({ ...granite, logits_scaling: 0 }), /logits_scaling is 0; it must be/);
});

test("biases are read in the families that have them, and belong to the facts that a plan needs", () => {
  const biases = (model_type: string, change: object) => {
    const { attentionBias, mlpBias } = modelConfig.parse(readModelConfig({ ...llama, model_type, ...change }));
    return [attentionBias, mlpBias];
  };
  assert.deepEqual(biases("llama", {}), [undefined, undefined]);
  assert.deepEqual(biases("llama", { attention_bias: true, mlp_bias: true }), [true, true]);
  assert.deepEqual(biases("qwen3", { attention_bias: true }), [true, undefined]);
  assert.throws(() => biases("qwen3", { mlp_bias: true }), /mlp_bias true is not supported/);
});

test("Ministral 3 scales late queries, and has transformers' rotary embedding where config.json has none", () => {
  const ministral3 = { ...llama, model_type: "ministral3", rope_theta: undefined };
  const of = (change: object) => readModelConfig({ ...ministral3, ...change });
  const { ropeTheta, ropeScaling, queryScaling, slidingWindow } = of({});
  assert.deepEqual([ropeTheta, queryScaling, slidingWindow], [1e6, { beta: 0.1, originalContext: 16_384 }, undefined]);
  assert.ok(ropeScaling?.type === "yarn" && ropeScaling.factor === 16 && ropeScaling.attentionFactor === 1);
  const plain = { rope_type: "default", original_max_position_embeddings: 8 };
  assert.throws(() => of({ rope_parameters: plain }), /rope_parameters.llama_4_scaling_beta is missing/);
  const given = of({ rope_parameters: { ...plain, llama_4_scaling_beta: 0.2, max_position_embeddings: 64 } });
  assert.deepEqual([given.ropeScaling, given.queryScaling], [undefined, { beta: 0.2, originalContext: 8 }]);
  const elsewhere = { rope_parameters: { llama_4_scaling_beta: 0.2 } };
  assert.throws(() => readModelConfig({ ...llama, ...elsewhere }), /llama_4_scaling_beta 0.2 is not supported/);
});

test("experts are read from the fields of both families, and what would change their training is refused by name", () => {
  const mixtral = { ...llama, model_type: "mixtral", rope_theta: undefined };
  const qwen = { ...llama, model_type: "qwen3_moe" };
  const of = (config: object) => {
    const model = readModelConfig(config);
    return [modelConfig.parse(model).experts, model.normalizesExperts];
  };
  assert.deepEqual(of(mixtral), [{ count: 8, chosen: 2, width: 768 }, true]);
  assert.equal(readModelConfig(mixtral).ropeTheta, 1e6);
  assert.deepEqual(of({ ...mixtral, num_local_experts: 4, num_experts_per_tok: 3 })[0], {
    count: 4,
    chosen: 3,
    width: 768,
  });
  assert.deepEqual(of({ ...qwen, num_experts: 16, moe_intermediate_size: 32, norm_topk_prob: true }), [
    { count: 16, chosen: 8, width: 32 },
    true,
  ]);
  const some = { ...qwen, mlp_only_layers: [1], decoder_sparse_step: 2 };
  assert.deepEqual(of(some), [{ count: 128, chosen: 8, width: 768, denseLayers: [0, 1, 2, 4] }, false]);
  for (const [change, reason] of [
    [{ num_local_experts: 4, num_experts: 8 }, /num_local_experts 4 and num_experts 8 contradict/],
    [{ num_local_experts: 1 }, /num_experts_per_tok must be at most/],
    [{ num_local_experts: 0 }, /number of experts/],
    [{ num_experts_per_tok: 1.5 }, /num_experts_per_tok/],
    [{ router_jitter_noise: 0.1 }, /router_jitter_noise 0.1 is not supported/],
    [
      { output_router_logits: true },
      /output_router_logits true makes transformers add.*set it to false, and training\.routerAuxLoss/,
    ],
  ] as const) {
    assert.throws(() => readModelConfig({ ...mixtral, ...change }), reason);
  }
  assert.ok(readModelConfig({ ...mixtral, output_router_logits: true, router_aux_loss_coef: 0 }));
});

test("gpt-oss is read with its own defaults, and its experts may be in MXFP4", () => {
  const { rope_theta: _, ...members } = llama;
  const gptOss = { ...members, model_type: "gpt_oss", num_hidden_layers: 4, max_position_embeddings: 131_072 };
  const model = readModelConfig(gptOss);
  assert.deepEqual(model.experts, { count: 128, chosen: 4, width: 768 });
  assert.deepEqual([model.ropeTheta, model.headDim, model.rmsNormEps], [150_000, 64, llama.rms_norm_eps]);
  assert.deepEqual([model.slidingWindow, model.slidingLayers], [128, [0, 2]]);
  assert.deepEqual([model.attentionBias, model.normalizesExperts], [true, true]);
  assert.deepEqual(model.clampedUnit, { alpha: 1.702, limit: 7 });
  const { type, factor, originalContext, truncate } = {
    truncate: undefined,
    originalContext: 0,
    factor: 0,
    ...model.ropeScaling!,
  };
  assert.deepEqual(
    { type, factor, originalContext, truncate },
    { type: "yarn", factor: 32, originalContext: 4096, truncate: false },
  );
  const given = {
    attention_bias: false,
    swiglu_limit: 3,
    sliding_window: 16,
    layer_types: Array(4).fill("sliding_attention"),
  };
  const other = readModelConfig({ ...gptOss, ...given });
  assert.deepEqual([other.attentionBias, other.clampedUnit?.limit, other.slidingLayers], [undefined, 3, undefined]);
  const inMxfp4 = { ...gptOss, quantization_config: { quant_method: "mxfp4", modules_to_not_convert: ["lm_head"] } };
  assert.deepEqual(storedQuantization(inMxfp4), { method: "mxfp4" });
  for (const [change, reason] of [
    [{ swiglu_limit: 0 }, /swiglu_limit is 0; it must be a number above 0/],
    [{ num_experts_per_tok: 200 }, /num_experts_per_tok must be at most the number of experts/],
    [
      { quantization_config: { quant_method: "fp8" } },
      /quant_method "fp8" is not supported; supported: bitsandbytes in NF4, mxfp4;/,
    ],
  ] as const) {
    assert.throws(() => readModelConfig({ ...gptOss, ...change }), reason);
  }
});

test("LongRoPE within its original context rotates every example alike", () => {
  const factors = { short_factor: Array(32).fill(1), long_factor: Array(32).fill(4) };
  const scaling = { rope_scaling: { type: "longrope", ...factors } };
  const at = (context: number) =>
    modelConfig.parse(readModelConfig({ ...llama, model_type: "phi3", ...scaling, max_position_embeddings: context }))
      .originalContext;
  assert.deepEqual([at(4096), at(8192)], [undefined, 4096]);
});

test("a nested text_config is read, and one beside pictures is refused by name", () => {
  const { model_type, ...members } = llama;
  const nested = { model_type: "acme", architectures: ["AcmeForConditionalGeneration"], text_config: llama };
  assert.deepEqual(readModelConfig(nested), readModelConfig(llama));
  assert.deepEqual(readModelConfig({ ...nested, vision_config: null }), readModelConfig(llama));
  assert.deepEqual(readModelConfig({ ...llama, text_config: null }), readModelConfig(llama));
  assert.equal(readModelConfig({ ...members, text_config: { model_type } }).family, "llama");
  assert.throws(
    () => readModelConfig({ ...nested, vision_config: {} }),
    /vision_config is not supported.*saved by itself/,
  );
});

test("an unknown architecture is refused with the list of known ones, whatever its other fields", () => {
  // GPT-2's, which has other names for the usual fields.
  for (const config of [{ model_type: "gpt2", n_embd: 768, n_layer: 12, vocab_size: 50_257 }, { model_type: "t5" }])
    assert.throws(
      () => readModelConfig(config),
      /model_type "(gpt2|t5)" is not supported; supported: llama, mistral, /,
    );
  assert.throws(() => readModelConfig({}), /model_type "\(none\)" is not supported; supported: llama/);
});

test("the language model of Gemma 3 and Mistral 3 is read beside pictures, and other such models are refused", () => {
  // Gemma 3 4B's, which omits what transformers has as defaults.
  const text_config = {
    ...{ hidden_size: 2560, intermediate_size: 10_240, model_type: "gemma3_text", num_hidden_layers: 34 },
    ...{ rope_scaling: { factor: 8, rope_type: "linear" }, sliding_window: 1024 },
  };
  const pictures = { vision_config: { hidden_size: 1152 }, mm_tokens_per_image: 256, image_token_index: 262_144 };
  const gemma = { model_type: "gemma3", ...pictures, text_config };
  const { family, wrapped, vocabSize, heads, kvHeads, headDim, contextLength, slidingWindow, ropeScaling } =
    readModelConfig(gemma);
  assert.deepEqual(
    [family, wrapped, vocabSize, heads, kvHeads, headDim, contextLength, slidingWindow, ropeScaling],
    ["gemma3_text", true, 262_208, 8, 4, 256, 131_072, 1024, { type: "linear", factor: 8 }],
  );
  const mistral = { model_type: "mistral3", ...pictures, text_config: { ...llama, model_type: "mistral" } };
  assert.deepEqual([readModelConfig(mistral).family, readModelConfig(mistral).wrapped], ["mistral", true]);
  assert.equal(readModelConfig({ ...llama, model_type: "mistral" }).wrapped, undefined);
  for (const [change, reason] of [
    [{ model_type: "paligemma" }, /vision_config is not supported.*pictures left out: model_type gemma3, mistral3/],
    [
      { quantization_config: { load_in_4bit: true } },
      /quantization_config of gemma3 is not supported.*baseModel\.quantiz/,
    ],
    [{ text_config: { ...text_config, model_type: "gemma3n_text" } }, /model_type "gemma3n_text" is not supported/],
  ] as const)
    assert.throws(() => readModelConfig({ ...gemma, ...change }), reason);
});

test("dropout of config.json that is not applied is named, and none is not", () => {
  const of = (change: object) => readModelConfig({ ...llama, ...change }).ignoredFields;
  assert.deepEqual(of({ attention_dropout: 0.1 }), ["attention_dropout 0.1"]);
  assert.deepEqual(of({ attention_dropout: 0.1, resid_pdrop: 0.2 }), ["attention_dropout 0.1", "resid_pdrop 0.2"]);
  for (const none of [{}, { attention_dropout: 0 }, { attention_dropout: null }]) assert.equal(of(none), undefined);
  assert.deepEqual(modelConfig.parse(readModelConfig({ ...llama, attention_dropout: 0.1 })).ignoredFields, [
    "attention_dropout 0.1",
  ]);
});

test("null is like a missing field wherever transformers writes it", () => {
  const nulls = { tie_word_embeddings: null, rms_norm_eps: null, hidden_act: null, layer_types: null, head_dim: null };
  assert.equal(readModelConfig({ ...llama, ...nulls, mlp_bias: null, sliding_window: null }).rmsNormEps, 1e-6);
});

for (const [what, change, expected] of [
  [
    "another architecture",
    { model_type: "bert" },
    /model_type "bert" is not supported; supported: llama, mistral, ministral, ministral3, qwen2, qwen3, smollm3, gemma2, gemma3_text/,
  ],
  ["a sliding window", { use_sliding_window: true }, /use_sliding_window true/],
  [
    "a layer with a window",
    { layer_types: ["full_attention", "sliding_attention"] },
    /layer_types "sliding_attention" is not supported; supported: full_attention/,
  ],
  ["another activation", { hidden_act: "gelu" }, /hidden_act "gelu"/],
  [
    "a bias that the family ignores",
    { model_type: "mistral", attention_bias: true },
    /attention_bias true is not supported; supported: false/,
  ],
  [
    "a scaling without its numbers",
    { rope_scaling: { rope_type: "llama3" } },
    /rope_scaling.low_freq_factor is missing/,
  ],
  ["a head count that does not group", { num_key_value_heads: 3 }, /num_key_value_heads/],
  ["heads that do not divide the width", { num_attention_heads: 3 }, /head_dim/],
  ["an enormous width", { hidden_size: 1e15 }, /hidden_size/],
  ["a negative size", { num_hidden_layers: -1 }, /num_hidden_layers/],
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
