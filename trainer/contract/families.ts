/**
 * The model families: their names in config.json, the defaults of transformers for absent fields, and the fields that one
 * family alone has. A field that changes what a model computes is read here or refused by name.
 */
import { z } from "zod";
import { type Rope, rawRope, readRope } from "./rope.ts";

export const families = [
  ...(["llama", "mistral", "ministral", "ministral3", "qwen2", "qwen3", "smollm3"] as const),
  ...(["gemma2", "gemma3_text", "phi3", "olmo2", "granite", "mixtral", "qwen3_moe", "gpt_oss"] as const),
] as const;
export type Family = (typeof families)[number];
export const isFamily = (name: string): name is Family => families.some((family) => family === name);

/**
 * Models that read pictures too and have a language model of a family as `text_config`; with text alone they compute what that
 * computes.
 */
export const wrappers: readonly string[] = ["gemma3", "mistral3"];

/** The class of a family's language model in transformers. */
export const architectures: Readonly<Record<Family, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  ministral: "MinistralForCausalLM",
  ministral3: "Ministral3ForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  smollm3: "SmolLM3ForCausalLM",
  gemma2: "Gemma2ForCausalLM",
  gemma3_text: "Gemma3ForCausalLM",
  phi3: "Phi3ForCausalLM",
  olmo2: "Olmo2ForCausalLM",
  granite: "GraniteForCausalLM",
  mixtral: "MixtralForCausalLM",
  qwen3_moe: "Qwen3MoeForCausalLM",
  gpt_oss: "GptOssForCausalLM",
};

/** Facts of a model that change its numbers but no tensor's shape, so plans do without them. */
export interface ModelValues {
  /** Layers whose tokens see the last `slidingWindow` alone. Absent: all, where there is a window. */
  readonly slidingLayers?: readonly number[];
  /** The rotary embedding of the sliding layers, where they have one of their own (Gemma 3). */
  readonly localRope?: Rope;
  /** Queries are longer from position `originalContext` on (Ministral 3). */
  readonly queryScaling?: NonNullable<Rope["queryScaling"]>;
  /** Elements of a head that are rotated, the first ones. Absent: all. */
  readonly rotaryWidth?: number;
  /** Factor of attention's scores. Absent: 1/√headDim. */
  readonly attentionScale?: number;
  /** c·tanh(x/c) of attention's scores and of the logits. Absent: none. */
  readonly attentionSoftcap?: number;
  readonly logitSoftcap?: number;
  /** The weights of a token's experts are the softmax over these alone, not over all. */
  readonly normalizesExperts?: boolean;
  /** gpt-oss's gated unit: the factor inside its sigmoid, and the limit of its columns. */
  readonly clampedUnit?: { readonly alpha: number; readonly limit: number };
  /** Granite's factors of embeddings, of each branch's output, and the divisor of the logits. */
  readonly multipliers?: { readonly embedding: number; readonly residual: number; readonly logits: number };
}

const flag = z.boolean().nullish();
const number = z.number().nullish();
const name = z.string().max(64).nullish();

export const rawConfig = z.object({
  model_type: name,
  architectures: z.array(z.string().max(128)).max(8).nullish(),
  vocab_size: z.number(),
  hidden_size: z.number(),
  intermediate_size: z.number(),
  num_hidden_layers: z.number(),
  num_attention_heads: z.number().positive(),
  num_key_value_heads: number,
  head_dim: number,
  max_position_embeddings: z.number(),
  ...rawRope,
  rope_local_base_freq: number,
  rms_norm_eps: number,
  tie_word_embeddings: flag,
  hidden_act: name,
  hidden_activation: name,
  attention_bias: flag,
  mlp_bias: flag,
  use_sliding_window: flag,
  sliding_window: number,
  max_window_layers: number,
  sliding_window_pattern: number,
  layer_types: z.array(z.string().max(64)).max(512).nullish(),
  no_rope_layers: z.array(z.int()).max(512).nullish(),
  no_rope_layer_interval: z.int().min(1).nullish(),
  query_pre_attn_scalar: number,
  attn_logit_softcapping: number,
  final_logit_softcapping: number,
  use_bidirectional_attention: flag,
  attention_dropout: number,
  resid_pdrop: number,
  embedding_multiplier: number,
  attention_multiplier: number,
  residual_multiplier: number,
  logits_scaling: number,
  num_local_experts: number,
  num_experts: number,
  num_experts_per_tok: number,
  moe_intermediate_size: number,
  norm_topk_prob: flag,
  mlp_only_layers: z.array(z.int().min(0).max(511)).max(512).nullish(),
  decoder_sparse_step: z.int().min(1).max(512).nullish(),
  output_router_logits: flag,
  router_aux_loss_coef: number,
  router_jitter_noise: number,
  swiglu_alpha: number,
  swiglu_limit: number,
  quantization_config: z.unknown().optional(),
});
export type RawConfig = z.infer<typeof rawConfig>;

type Refuse = (message: string) => never;

/** Which layers have a window, by number; `usual` where `layer_types` is absent. */
interface WindowRule {
  /** Default of `sliding_window`. */
  readonly size?: number;
  /** `sliding_window` counts only with `use_sliding_window`. */
  readonly onlyIfUsed?: boolean;
  usual(layer: number, config: RawConfig): boolean;
  /** `layer_types` names the layers; otherwise it may only repeat the usual ones. */
  readonly byLayerTypes: boolean;
  /**
   * Sliding layers have a rotary embedding of their own, so they are distinguished whatever the window, and
   * `rope_parameters` is by layer type.
   */
  readonly hasRope?: boolean;
}

export interface ExpertRules {
  /** Defaults of transformers. */
  readonly count: number;
  readonly chosen: number;
  /** Width inside an expert. */
  width(config: RawConfig): number;
  /** Layers without experts. Absent: none. */
  isDense?(layer: number, config: RawConfig): boolean;
}

/** Fields of config.json that transformers applies while training, and this trainer does not: a note names them. */
const ignoredInTraining = ["attention_dropout", "resid_pdrop"] as const;

/** Those that would change a training, with their values. */
export const ignoredFields = (config: RawConfig): string[] =>
  ignoredInTraining.flatMap((field) => (config[field] ? [`${field} ${config[field]}`] : []));

export interface FamilyRules {
  /** Members that configurations of this family omit where they are transformers' defaults. */
  readonly omitted?: Readonly<Record<string, unknown>>;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly normEps?: number;
  readonly tied?: boolean;
  readonly theta?: number;
  readonly activation: "silu" | "gelu_pytorch_tanh";
  /** Absent: a window in config.json does not count, as in transformers. */
  readonly window?: WindowRule;
  /** Layers without a rotary embedding. */
  noRope?(layer: number, config: RawConfig): boolean;
  readonly isPartial?: boolean;
  readonly scalesQueries?: boolean;
  readonly experts?: ExpertRules;
  /** Fields that give linear layers biases; others must be false, because transformers ignores them. */
  readonly biases?: readonly ("attention_bias" | "mlp_bias")[];
  /** `attention_bias` where config.json has none. */
  readonly attentionBias?: boolean;
  /** `rope_parameters` where config.json has none. */
  readonly rope?: Readonly<Record<string, unknown>>;
  /** Checkpoints have the experts of a layer in one tensor, possibly in MXFP4 (`weights/fusedExperts.ts`). */
  readonly fusesExperts?: boolean;
  values?(config: RawConfig, refuse: Refuse): ModelValues;
}

const everywhere = () => true;
const qwenWindow: WindowRule = {
  size: 4096,
  onlyIfUsed: true,
  usual: (layer, { max_window_layers: first }) => layer >= (first ?? 28),
  byLayerTypes: true,
};

/** A positive number of config.json, or the default where it is absent. */
function positive(field: keyof RawConfig, config: RawConfig, usual: number, refuse: Refuse): number {
  const value = config[field] ?? usual;
  if (typeof value === "number" && value > 0 && value <= 1e9) return value;
  return refuse(`${field} is ${JSON.stringify(value)}; it must be a number above 0`);
}

/** A softcap: none if it is null, the family's default if it is absent. */
function softcapOf(
  field: "attn_logit_softcapping" | "final_logit_softcapping",
  config: RawConfig,
  usual: number | null,
  refuse: Refuse,
): number | undefined {
  if ((config[field] === undefined ? usual : config[field]) === null) return undefined;
  return positive(field, config, usual ?? Number.NaN, refuse);
}

function gemmaValues(config: RawConfig, refuse: Refuse, caps: { attention: number | null; logits: number | null }) {
  if (config.use_bidirectional_attention) refuse("use_bidirectional_attention true is not supported; supported: false");
  const attentionSoftcap = softcapOf("attn_logit_softcapping", config, caps.attention, refuse);
  const logitSoftcap = softcapOf("final_logit_softcapping", config, caps.logits, refuse);
  return {
    attentionScale: positive("query_pre_attn_scalar", config, 256, refuse) ** -0.5,
    ...(attentionSoftcap !== undefined && { attentionSoftcap }),
    ...(logitSoftcap !== undefined && { logitSoftcap }),
  };
}

const allBiases = ["attention_bias", "mlp_bias"] as const;
const attentionBias = ["attention_bias"] as const;
const gemma = {
  kvHeads: 4,
  headDim: 256,
  tied: true,
  activation: "gelu_pytorch_tanh",
  biases: attentionBias,
} as const;

export const familyRules: Readonly<Record<Family, FamilyRules>> = {
  llama: { activation: "silu", biases: allBiases },
  mistral: { kvHeads: 8, activation: "silu", window: { size: 4096, usual: everywhere, byLayerTypes: false } },
  ministral: { kvHeads: 8, activation: "silu", window: { size: 4096, usual: everywhere, byLayerTypes: true } },
  ministral3: {
    kvHeads: 8,
    headDim: 128,
    normEps: 1e-5,
    theta: 1_000_000,
    activation: "silu",
    scalesQueries: true,
    rope: {
      ...{ rope_type: "yarn", factor: 16, original_max_position_embeddings: 16_384, beta_fast: 32, beta_slow: 1 },
      ...{ mscale: 1, mscale_all_dim: 1, llama_4_scaling_beta: 0.1 },
    },
    window: { usual: everywhere, byLayerTypes: false },
  },
  qwen2: { kvHeads: 32, activation: "silu", window: qwenWindow },
  qwen3: { kvHeads: 32, headDim: 128, activation: "silu", window: qwenWindow, biases: attentionBias },
  smollm3: {
    kvHeads: 4,
    tied: true,
    theta: 2_000_000,
    activation: "silu",
    biases: allBiases,
    noRope: hasNoRope,
    window: { onlyIfUsed: true, usual: hasNoRope, byLayerTypes: true },
  },
  gemma2: {
    ...gemma,
    window: { size: 4096, usual: (layer) => layer % 2 === 0, byLayerTypes: true },
    values: (config, refuse) => gemmaValues(config, refuse, { attention: 50, logits: 30 }),
  },
  gemma3_text: {
    ...gemma,
    omitted: { vocab_size: 262_208, num_attention_heads: 8, max_position_embeddings: 131_072 },
    theta: 1_000_000,
    window: {
      size: 4096,
      usual: (layer, { sliding_window_pattern: pattern }) => (layer + 1) % (pattern ?? 6) !== 0,
      byLayerTypes: true,
      hasRope: true,
    },
    values(config, refuse) {
      if (typeof config.attn_logit_softcapping === "number") {
        refuse("attn_logit_softcapping is not supported for gemma3_text, whose attention has none; supported: null");
      }
      return {
        ...gemmaValues(config, refuse, { attention: null, logits: null }),
        localRope: localRope(config, refuse),
      };
    },
  },
  phi3: {
    normEps: 1e-5,
    activation: "silu",
    isPartial: true,
    window: { usual: everywhere, byLayerTypes: false },
  },
  mixtral: {
    kvHeads: 8,
    normEps: 1e-5,
    theta: 1_000_000,
    activation: "silu",
    window: { usual: everywhere, byLayerTypes: false },
    experts: { count: 8, chosen: 2, width: ({ intermediate_size: width }) => width },
    values: () => ({ normalizesExperts: true }),
  },
  qwen3_moe: {
    kvHeads: 4,
    activation: "silu",
    biases: attentionBias,
    window: { size: 4096, onlyIfUsed: true, usual: everywhere, byLayerTypes: false },
    experts: {
      count: 128,
      chosen: 8,
      width: ({ moe_intermediate_size: width }) => width ?? 768,
      isDense: (layer, { mlp_only_layers: dense, decoder_sparse_step: step }) =>
        (dense?.includes(layer) ?? false) || (layer + 1) % (step ?? 1) !== 0,
    },
    values: ({ norm_topk_prob: normalized }) => ({ normalizesExperts: normalized ?? false }),
  },
  gpt_oss: {
    kvHeads: 8,
    headDim: 64,
    normEps: 1e-5,
    theta: 150_000,
    activation: "silu",
    biases: attentionBias,
    attentionBias: true,
    rope: {
      ...{ rope_type: "yarn", factor: 32, original_max_position_embeddings: 4096, beta_fast: 32, beta_slow: 1 },
      truncate: false,
    },
    window: { size: 128, usual: (layer) => layer % 2 === 0, byLayerTypes: true },
    experts: { count: 128, chosen: 4, width: ({ intermediate_size: width }) => width },
    fusesExperts: true,
    values: (config, refuse) => ({
      normalizesExperts: true,
      clampedUnit: {
        alpha: positive("swiglu_alpha", config, 1.702, refuse),
        limit: positive("swiglu_limit", config, 7, refuse),
      },
    }),
  },
  olmo2: { normEps: 1e-5, activation: "silu", biases: attentionBias },
  granite: {
    activation: "silu",
    biases: allBiases,
    values: (config, refuse) => ({
      attentionScale: positive("attention_multiplier", config, 1, refuse),
      multipliers: {
        embedding: positive("embedding_multiplier", config, 1, refuse),
        residual: positive("residual_multiplier", config, 1, refuse),
        logits: positive("logits_scaling", config, 1, refuse),
      },
    }),
  },
};

function hasNoRope(layer: number, { no_rope_layers: listed, no_rope_layer_interval: interval }: RawConfig): boolean {
  return listed ? listed[layer] === 0 : (layer + 1) % (interval ?? 4) === 0;
}

const layerType = z.looseObject({}).nullish();
const byLayerType = z.strictObject({ full_attention: layerType, sliding_attention: layerType });

/** The rotary embedding of the layers without a window, from `rope_parameters` by layer type or from the older fields. */
export function ropeOf(config: RawConfig, family: Family, refuse: Refuse): Rope {
  const { theta, isPartial: isPhi, scalesQueries, window, rope: usual } = familyRules[family];
  if (!window?.hasRope) return readRope(config, refuse, { theta, isPhi, scalesQueries, usual });
  return readRope({ ...config, rope_parameters: ropesByLayerType(config, refuse)?.full_attention }, refuse, {
    theta,
    isPhi,
  });
}

/** That of the sliding layers where they have their own; a scaling applies only if it names them. */
function localRope(config: RawConfig, refuse: Refuse): Rope {
  const { rope_local_base_freq: theta, max_position_embeddings } = config;
  const parameters = ropesByLayerType(config, refuse)?.sliding_attention;
  return readRope({ rope_parameters: parameters, rope_theta: theta, max_position_embeddings }, refuse);
}

function ropesByLayerType({ rope_parameters: parameters }: RawConfig, refuse: Refuse) {
  if (parameters === undefined || parameters === null) return undefined;
  const read = byLayerType.safeParse(parameters);
  if (read.success) return read.data;
  return refuse(
    "rope_parameters of gemma3_text must have full_attention and sliding_attention, each an object or null",
  );
}
