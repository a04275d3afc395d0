/**
 * The families' names in llama.cpp: architecture, metadata and tensors. Pure.
 *
 * llama.cpp rotates pairs of neighbours in the architecture `llama`, where transformers rotates the halves of a head, so the rows
 * of q and k are interleaved (`formats/coded.ts`).
 */
import { invalid } from "../contract/failure.ts";
import type { Family } from "../contract/families.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { GgufMetadata, GgufValue } from "../formats/gguf.ts";
import { frequencyDivisors } from "../models/rope.ts";

export const refused = (why: string) => invalid("GgufImpossible", `gguf: ${why}`);

/** The fix for a model that only llama.cpp's own converter knows. */
export const convertInstead = "export merged, and convert that with llama.cpp's convert_hf_to_gguf.py";

interface GgufFamily {
  readonly architecture: string;
  /** Heads rotate pairs of neighbours. */
  readonly interleaves?: boolean;
  /** Biases of the projections and of the feed-forward are read. */
  readonly biases?: boolean;
}

const llama: GgufFamily = { architecture: "llama", interleaves: true, biases: true };
const known: Partial<Readonly<Record<Family, GgufFamily>>> = {
  llama,
  mistral: llama,
  qwen2: { architecture: "qwen2" },
  qwen3: { architecture: "qwen3" },
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
  const rope = ropeFault(config);
  if (rope !== undefined) throw refused(`${rope}: ${otherProgram}`);
  return family;
}

const otherProgram = "export merged, and serve that with another program";

function ropeFault({ ropeScaling: scaling }: ModelConfig): string | undefined {
  if (scaling?.type === "longrope") return `llama.cpp computes no rope_type "longrope" for this family`;
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
  const { architecture } = ggufFamily(config);
  const own = (key: string, value: GgufValue): [string, GgufValue] => [`${architecture}.${key}`, value];
  const { contextLength, slidingWindow = contextLength, vocabSize, ropeScaling: scaling } = config;
  const isNamed = scaling?.type === "linear" || scaling?.type === "yarn";
  return [
    ["general.architecture", { type: "string", value: architecture }],
    ["general.type", { type: "string", value: "model" }],
    ...Object.entries(wholeNumbers).map(([key, field]) => own(key, { type: "uint32", value: config[field] })),
    ...Object.entries(realNumbers).map(([key, field]) => own(key, { type: "float32", value: config[field] })),
    own("vocab_size", { type: "uint32", value: vocabSize }),
    // llama.cpp has no windows in these architectures. Up to the window's length they change nothing.
    own("context_length", { type: "uint32", value: Math.min(contextLength, slidingWindow) }),
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
}

/** The name of a tensor in the file. Throws if it has none. */
export function ggufName(name: string, config: ModelConfig): GgufName {
  const [, module = "", part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const [, layer, inner = ""] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
  const found = layer === undefined ? outside[module] : inBlock[inner];
  if (found === undefined) throw refused(`the tensor ${name} has no name in llama.cpp: ${convertInstead}`);
  const written = `${layer === undefined ? "" : `blk.${layer}.`}${found}.${part}`;
  const heads = { attn_q: config.heads, attn_k: config.kvHeads }[found];
  return ggufFamily(config).interleaves && heads !== undefined ? { name: written, heads } : { name: written };
}
