/**
 * The families' names in llama.cpp: architecture, metadata and tensors. Pure.
 *
 * llama.cpp rotates pairs of neighbours in the architecture `llama`, where transformers rotates the halves of a head, so the rows
 * of q and k are interleaved (`formats/coded.ts`).
 */
import { ggufRefusalReason } from "../contract/exports.ts";
import { invalid } from "../contract/failure.ts";
import type { Family } from "../contract/families.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { RopeScaling } from "../contract/rope.ts";
import type { GgufMetadata, GgufValue } from "../formats/gguf.ts";
import { frequencyDivisors } from "../models/rope.ts";

export const refused = (why: string) => invalid(ggufRefusalReason, `gguf: ${why}`);

/** The fix for a model that only llama.cpp's own converter knows. */
const convertInstead = "export merged, and convert that with llama.cpp's convert_hf_to_gguf.py";

interface GgufFamily {
  readonly architecture: string;
  /** Heads rotate pairs of neighbours. */
  readonly interleaves?: boolean;
  /** Biases of the projections and of the feed-forward are read. */
  readonly biases?: boolean;
  /** Names in a block that differ from Llama's. */
  readonly names?: Readonly<Record<string, string>>;
  /** The number that llama.cpp expects to be added to the weights of norms. */
  readonly normOffset?: number;
  /** llama.cpp computes sliding windows. */
  readonly hasWindow?: boolean;
  /** Scalings of the rotary embedding that it computes. */
  readonly scalings?: readonly RopeScaling["type"][];
  /** The keys of this architecture alone. Those of `wholeKeys` are whole numbers. */
  values?(config: ModelConfig): Readonly<Record<string, number | undefined>>;
  /** A part of the model that llama.cpp computes otherwise. */
  fault?(config: ModelConfig): string | undefined;
}

const llama: GgufFamily = {
  architecture: "llama",
  interleaves: true,
  biases: true,
  scalings: ["linear", "llama3", "yarn"],
};
const normsBehind = {
  post_attention_layernorm: "post_attention_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
};
const gemma = { names: normsBehind, normOffset: 1, hasWindow: true } as const;

/** Whether exactly these layers are in a list; where it is absent, all are. */
function areLayers(
  { layers }: ModelConfig,
  list: readonly number[] | undefined,
  is: (layer: number) => boolean,
): boolean {
  return Array.from({ length: layers }, (_, layer) => layer).every(
    (layer) => (list?.includes(layer) ?? true) === is(layer),
  );
}

const wholeKeys: ReadonlySet<string> = new Set([
  "attention.sliding_window",
  "attention.temperature_length",
  "expert_count",
  "expert_used_count",
  "expert_feed_forward_length",
]);

/** The experts of a model. */
const expertValues = ({ experts }: ModelConfig) => ({
  expert_count: experts?.count,
  expert_used_count: experts?.chosen,
});

function gemmaFault(config: ModelConfig, pattern: number): string | undefined {
  const { attentionScale = 0, headDim, slidingWindow, slidingLayers } = config;
  if (Math.abs(attentionScale - headDim ** -0.5) > 1e-6) return "query_pre_attn_scalar that is not head_dim";
  const isUsual = (layer: number) => (layer + 1) % pattern !== 0;
  if (slidingWindow !== undefined && !areLayers(config, slidingLayers, isUsual))
    return "layer_types of another pattern";
  return undefined;
}

const known: Readonly<Record<Exclude<Family, "gpt_oss">, GgufFamily>> & { readonly gpt_oss?: undefined } = {
  llama,
  mistral: llama,
  ministral: llama,
  ministral3: {
    ...llama,
    architecture: "mistral3",
    biases: false,
    scalings: ["yarn"],
    values: ({ queryScaling }) => ({
      "attention.temperature_scale": queryScaling?.beta,
      "attention.temperature_length": queryScaling?.originalContext,
    }),
    fault: ({ queryScaling, ropeScaling }) =>
      ropeScaling?.type === "yarn" && ropeScaling.originalContext === queryScaling?.originalContext
        ? undefined
        : "rope_parameters without YaRN",
  },
  mixtral: { ...llama, biases: false, values: expertValues },
  qwen2: { architecture: "qwen2", scalings: ["yarn"] },
  qwen3: { architecture: "qwen3", scalings: ["yarn"] },
  qwen3_moe: {
    architecture: "qwen3moe",
    scalings: ["yarn"],
    values: (config) => ({ ...expertValues(config), expert_feed_forward_length: config.experts?.width }),
    fault: ({ experts, normalizesExperts }) => {
      if (experts?.denseLayers !== undefined) return "mlp_only_layers or decoder_sparse_step above 1";
      return normalizesExperts ? undefined : "norm_topk_prob false";
    },
  },
  phi3: {
    architecture: "phi3",
    scalings: ["longrope"],
    fault: ({ heads, headDim, hiddenSize }) =>
      heads * headDim === hiddenSize ? undefined : "heads that are together not as wide as hidden_size",
  },
  smollm3: {
    architecture: "smollm3",
    interleaves: true,
    fault: (config) =>
      areLayers(config, config.noRopeLayers ?? [], (layer) => (layer + 1) % 4 === 0)
        ? undefined
        : "no_rope_layers of another pattern",
  },
  gemma2: {
    ...gemma,
    architecture: "gemma2",
    values: ({ attentionSoftcap, logitSoftcap, slidingWindow, contextLength }) => ({
      attn_logit_softcapping: attentionSoftcap,
      final_logit_softcapping: logitSoftcap,
      "attention.sliding_window": slidingWindow ?? contextLength,
    }),
    fault: (config) =>
      config.attentionSoftcap === undefined || config.logitSoftcap === undefined
        ? "attn_logit_softcapping null or final_logit_softcapping null"
        : gemmaFault(config, 2),
  },
  gemma3_text: {
    ...gemma,
    architecture: "gemma3",
    scalings: ["linear"],
    values: ({ slidingWindow, contextLength }) => ({ "attention.sliding_window": slidingWindow ?? contextLength }),
    fault: (config) => {
      if (config.logitSoftcap !== undefined) return "final_logit_softcapping";
      const { theta, scaling } = config.localRope ?? {};
      return theta === 10_000 && !scaling ? gemmaFault(config, 6) : "a rotary base of sliding layers that is not 10000";
    },
  },
  olmo2: { architecture: "olmo2", names: normsBehind },
  granite: {
    architecture: "granite",
    interleaves: true,
    values: ({ attentionScale, multipliers }) => ({
      "attention.scale": attentionScale,
      embedding_scale: multipliers?.embedding,
      residual_scale: multipliers?.residual,
      logit_scale: multipliers?.logits,
    }),
  },
};

/** The family of a model. Throws a failure if llama.cpp or this exporter does not compute what the model does. */
export function ggufFamily(config: ModelConfig): GgufFamily {
  const family = known[config.family];
  if (!family) {
    throw refused(
      `models of the family ${config.family} are not supported, because llama.cpp rounds the bounds of YaRN's ramp ` +
        `(truncate): ${otherProgram}`,
    );
  }
  if ((config.attentionBias || config.mlpBias) && !family.biases) {
    throw refused(`llama.cpp computes no attention_bias for ${config.family}: ${otherProgram}`);
  }
  const fault = family.fault?.(config);
  if (fault !== undefined) throw refused(`llama.cpp does not compute ${config.family} with ${fault}: ${otherProgram}`);
  const rope = ropeFault(config);
  if (rope !== undefined) throw refused(`${rope}: ${otherProgram}`);
  return family;
}

const otherProgram = "export merged, and serve that with another program";

function ropeFault({ ropeScaling: scaling, family }: ModelConfig): string | undefined {
  if (scaling && !known[family]?.scalings?.includes(scaling.type))
    return `llama.cpp is not known to compute rope_type ${JSON.stringify(scaling.type)} for ${family}`;
  if (scaling?.type !== "yarn") return undefined;
  const { betaFast, betaSlow, truncate } = scaling;
  if (betaFast === 32 && betaSlow === 1 && truncate) return undefined;
  return "YaRN with its own beta_fast, beta_slow or truncate has no form in GGUF";
}

/** The factor of cosines and sines that llama.cpp takes for YaRN of this factor. */
const yarnFactor = (factor: number) => 0.1 * Math.log(factor) + 1;

/** The scaling of the rotary embedding; Llama 3's is a tensor alone. */
function scalingValues(scaling: RopeScaling | undefined): [string, GgufValue][] {
  const float = (key: string, value: number): [string, GgufValue] => [
    `rope.scaling.${key}`,
    { type: "float32", value },
  ];
  switch (scaling?.type) {
    case undefined:
    case "llama3":
      return [];
    case "linear":
      return [["rope.scaling.type", { type: "string", value: scaling.type }], float("factor", scaling.factor)];
    case "yarn":
      return [
        ["rope.scaling.type", { type: "string", value: scaling.type }],
        float("factor", scaling.factor),
        float("attn_factor", scaling.attentionFactor / yarnFactor(scaling.factor)),
        ["rope.scaling.original_context_length", { type: "uint32", value: scaling.originalContext }],
      ];
    case "longrope":
      return [
        float("attn_factor", scaling.attentionFactor),
        ["rope.scaling.original_context_length", { type: "uint32", value: scaling.originalContext }],
      ];
  }
}

/** The longest text that llama.cpp computes as the model does. */
function contextOf({ contextLength, slidingWindow, ropeScaling }: ModelConfig, hasWindow: boolean): number {
  // Most architectures have no windows in llama.cpp. Up to the window's length they change nothing.
  const window = hasWindow ? undefined : slidingWindow;
  // llama.cpp chooses between LongRoPE's factors by the length of its context, the model by that of the text.
  const original = ropeScaling?.type === "longrope" ? ropeScaling.originalContext : undefined;
  return Math.min(contextLength, window ?? contextLength, original ?? contextLength);
}

/** Whole numbers and real ones of config.json by their keys below the architecture. */
const wholeNumbers = {
  block_count: "layers",
  embedding_length: "hiddenSize",
  feed_forward_length: "intermediateSize",
  "attention.head_count": "heads",
  "attention.head_count_kv": "kvHeads",
  "attention.key_length": "headDim",
  "attention.value_length": "headDim",
} as const satisfies Record<string, keyof ModelConfig>;
const realNumbers = {
  "attention.layer_norm_rms_epsilon": "rmsNormEps",
  "rope.freq_base": "ropeTheta",
} as const satisfies Record<string, keyof ModelConfig>;

/** The model's numbers as metadata. */
export function modelMetadata(config: ModelConfig): [string, GgufValue][] {
  const { architecture, hasWindow, values } = ggufFamily(config);
  const own = (key: string, value: GgufValue): [string, GgufValue] => [`${architecture}.${key}`, value];
  const further = Object.entries(values?.(config) ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [own(key, { type: wholeKeys.has(key) ? "uint32" : "float32", value })],
  );
  return [
    ["general.architecture", { type: "string", value: architecture }],
    ["general.type", { type: "string", value: "model" }],
    ...Object.entries(wholeNumbers).map(([key, field]) => own(key, { type: "uint32", value: config[field] })),
    ...Object.entries(realNumbers).map(([key, field]) => own(key, { type: "float32", value: config[field] })),
    own(rotaryKey, { type: "uint32", value: config.rotaryWidth ?? config.headDim }),
    own("vocab_size", { type: "uint32", value: config.vocabSize }),
    own("context_length", { type: "uint32", value: contextOf(config, hasWindow ?? false) }),
    ...further,
    ...scalingValues(config.ropeScaling).map(([key, value]) => own(key, value)),
  ];
}

const rotaryKey = "rope.dimension_count";

/** The configuration with the numbers that are in the metadata. Throws a failure for one that is missing. */
export function configIn(metadata: GgufMetadata, config: ModelConfig): ModelConfig {
  const { architecture } = ggufFamily(config);
  const numberOf = (key: string): number => {
    const found = metadata.get(`${architecture}.${key}`);
    if (typeof found?.value === "number") return found.value;
    throw new Error(`the GGUF file that was just written has no ${architecture}.${key}`);
  };
  const fields = Object.entries({ ...wholeNumbers, ...realNumbers }).map(([key, field]) => [field, numberOf(key)]);
  return {
    ...config,
    ...Object.fromEntries(fields),
    vocabSize: numberOf("vocab_size"),
    ...(config.rotaryWidth !== undefined && { rotaryWidth: numberOf(rotaryKey) }),
  };
}

/** Divisors of the rotary frequencies: Llama 3's, or LongRoPE's for texts up to the original context and for longer ones. */
export function ropeTensors(config: ModelConfig): { readonly name: string; readonly values: Float32Array }[] {
  const { ropeScaling: scaling } = config;
  if (scaling?.type === "llama3") return [{ name: "rope_freqs.weight", values: frequencyDivisors(config) }];
  if (scaling?.type !== "longrope") return [];
  return [
    { name: "rope_factors_long.weight", values: Float32Array.from(scaling.longFactor) },
    { name: "rope_factors_short.weight", values: Float32Array.from(scaling.shortFactor) },
  ];
}

const outside: Readonly<Record<string, string>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
};
const inBlock: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  "self_attn.qkv_proj": "attn_qkv",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.gate": "ffn_gate_inp",
  "mlp.experts.gate_proj": "ffn_gate_exps",
  "mlp.experts.up_proj": "ffn_up_exps",
  "mlp.experts.down_proj": "ffn_down_exps",
};

export interface GgufName {
  readonly name: string;
  /** Its rows are those of so many heads, interleaved. */
  readonly heads?: number;
  /** The number that is added to its numbers. */
  readonly offset?: number;
  /** The tensor in the file holds the matrices of all experts; this is the one of so many before it. */
  readonly expert?: number;
}

/** The name of a tensor in the file. Throws if it has none. */
export function ggufName(name: string, config: ModelConfig): GgufName {
  const [, module = "", part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const [, layer, path = ""] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
  const [, expert] = /\.experts\.(\d+)\./.exec(path) ?? [];
  const inner = path.replace(/\.experts\.\d+\./, ".experts.");
  const { names = {}, interleaves, normOffset } = ggufFamily(config);
  const found = layer === undefined ? outside[module] : (names[inner] ?? inBlock[inner]);
  if (found === undefined) throw refused(`the tensor ${name} has no name in llama.cpp: ${convertInstead}`);
  const written = `${layer === undefined ? "" : `blk.${layer}.`}${found}.${part}`;
  const heads = { attn_q: config.heads, attn_k: config.kvHeads }[found];
  return {
    name: written,
    ...(interleaves && heads !== undefined && { heads }),
    ...(normOffset !== undefined && found.endsWith("norm") && { offset: normOffset }),
    ...(expert !== undefined && { expert: Number(expert) }),
  };
}
