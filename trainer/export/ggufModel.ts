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
export const convertInstead = "export merged, and convert that with llama.cpp's convert_hf_to_gguf.py";

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
  /** The keys of this architecture alone. */
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

function gemmaFault(config: ModelConfig, pattern: number): string | undefined {
  const { attentionScale = 0, headDim, slidingWindow, slidingLayers } = config;
  if (Math.abs(attentionScale - headDim ** -0.5) > 1e-6) return "query_pre_attn_scalar that is not head_dim";
  const isUsual = (layer: number) => (layer + 1) % pattern !== 0;
  if (slidingWindow !== undefined && !areLayers(config, slidingLayers, isUsual))
    return "layer_types of another pattern";
  return undefined;
}

const known: Partial<Readonly<Record<Family, GgufFamily>>> = {
  llama,
  mistral: llama,
  qwen2: { architecture: "qwen2", scalings: ["yarn"] },
  qwen3: { architecture: "qwen3", scalings: ["yarn"] },
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
    const names = Object.keys(known).join(", ");
    throw refused(`models of the family ${config.family} are not supported (supported: ${names}): ${convertInstead}`);
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
  const { factor, attentionFactor, betaFast, betaSlow, truncate } = scaling;
  const usual = Math.abs(attentionFactor - (0.1 * Math.log(factor) + 1)) < 1e-6;
  if (usual && betaFast === 32 && betaSlow === 1 && truncate) return undefined;
  return "YaRN with its own attention_factor, beta_fast, beta_slow or truncate has no form in GGUF";
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
  "rope.dimension_count": "headDim",
} as const satisfies Record<string, keyof ModelConfig>;
const realNumbers = {
  "attention.layer_norm_rms_epsilon": "rmsNormEps",
  "rope.freq_base": "ropeTheta",
} as const satisfies Record<string, keyof ModelConfig>;

/** The model's numbers as metadata. */
export function modelMetadata(config: ModelConfig): [string, GgufValue][] {
  const { architecture, hasWindow, values } = ggufFamily(config);
  const own = (key: string, value: GgufValue): [string, GgufValue] => [`${architecture}.${key}`, value];
  const { contextLength, slidingWindow = contextLength, vocabSize, ropeScaling: scaling } = config;
  const further = Object.entries(values?.(config) ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [own(key, { type: key === "attention.sliding_window" ? "uint32" : "float32", value })],
  );
  const isNamed = scaling?.type === "linear" || scaling?.type === "yarn";
  return [
    ["general.architecture", { type: "string", value: architecture }],
    ["general.type", { type: "string", value: "model" }],
    ...Object.entries(wholeNumbers).map(([key, field]) => own(key, { type: "uint32", value: config[field] })),
    ...Object.entries(realNumbers).map(([key, field]) => own(key, { type: "float32", value: config[field] })),
    own("vocab_size", { type: "uint32", value: vocabSize }),
    // Most architectures have no windows in llama.cpp. Up to the window's length they change nothing.
    own("context_length", {
      type: "uint32",
      value: hasWindow ? contextLength : Math.min(contextLength, slidingWindow),
    }),
    ...further,
    ...(isNamed
      ? [
          own("rope.scaling.type", { type: "string", value: scaling.type }),
          own("rope.scaling.factor", { type: "float32", value: scaling.factor }),
        ]
      : []),
    ...(scaling?.type === "yarn"
      ? [own("rope.scaling.original_context_length", { type: "uint32", value: scaling.originalContext })]
      : []),
  ];
}

/** The configuration with the numbers that are in the metadata. Throws a failure for one that is missing. */
export function configIn(metadata: GgufMetadata, config: ModelConfig): ModelConfig {
  const { architecture } = ggufFamily(config);
  const numberOf = (key: string): number => {
    const found = metadata.get(`${architecture}.${key}`);
    if (typeof found?.value === "number") return found.value;
    throw new Error(`the GGUF file that was just written has no ${architecture}.${key}`);
  };
  const fields = Object.entries({ ...wholeNumbers, ...realNumbers }).map(([key, field]) => [field, numberOf(key)]);
  return { ...config, ...Object.fromEntries(fields), vocabSize: numberOf("vocab_size") };
}

/** Llama 3's scaling of the rotary frequencies is a tensor of divisors. */
export const ropeTensor = "rope_freqs.weight";
export const ropeDivisors = (config: ModelConfig): Float32Array | undefined =>
  config.ropeScaling?.type === "llama3" ? frequencyDivisors(config) : undefined;

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
};

export interface GgufName {
  readonly name: string;
  /** Its rows are those of so many heads, interleaved. */
  readonly heads?: number;
  /** The number that is added to its numbers. */
  readonly offset?: number;
}

/** The name of a tensor in the file. Throws if it has none. */
export function ggufName(name: string, config: ModelConfig): GgufName {
  const [, module = "", part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const [, layer, inner = ""] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
  const { names = {}, interleaves, normOffset } = ggufFamily(config);
  const found = layer === undefined ? outside[module] : (names[inner] ?? inBlock[inner]);
  if (found === undefined) throw refused(`the tensor ${name} has no name in llama.cpp: ${convertInstead}`);
  const written = `${layer === undefined ? "" : `blk.${layer}.`}${found}.${part}`;
  const heads = { attn_q: config.heads, attn_k: config.kvHeads }[found];
  return {
    name: written,
    ...(interleaves && heads !== undefined && { heads }),
    ...(normOffset !== undefined && found.endsWith("norm") && { offset: normOffset }),
  };
}
