/**
 * Reads from Hugging Face's config.json the facts that determine a base model's shapes. The file is untrusted: every
 * number is bounded, and an unsupported field is refused by name.
 */
import { z } from "zod";
import { plainIssue } from "./plainIssue.ts";
import { type RopeScaling, rawRope, readRope } from "./rope.ts";

const dimension = (max: number) => z.int().min(1).max(max);

const families = ["llama", "mistral", "qwen2", "qwen3"] as const;
type Family = (typeof families)[number];
const isFamily = (name: string): name is Family => families.some((family) => family === name);

/** Family-specific defaults of transformers for absent fields. Elsewhere kvHeads defaults to the number of heads. */
const familyDefaults: Record<Family, { kvHeads?: number; headDim?: number; slidingWindow?: number }> = {
  llama: {},
  mistral: { kvHeads: 8, slidingWindow: 4096 },
  qwen2: { kvHeads: 32 },
  qwen3: { kvHeads: 32, headDim: 128 },
};

/**
 * A Llama-shaped decoder: RMSNorm, RoPE, grouped-query attention, SwiGLU. Mistral equals Llama, Qwen2 adds biases,
 * Qwen3 adds norms of the heads.
 */
export const modelConfig = z
  .object({
    family: z.enum(families),
    vocabSize: dimension(1_000_000),
    hiddenSize: dimension(65_536),
    intermediateSize: dimension(262_144),
    layers: dimension(512),
    heads: dimension(1024),
    kvHeads: dimension(1024),
    headDim: dimension(1024),
    contextLength: dimension(16_777_216),
    ropeTheta: z.number().positive().max(1e12),
    rmsNormEps: z.number().positive().max(1),
    tieWordEmbeddings: z.boolean(),
  })
  .refine((c) => c.heads % c.kvHeads === 0, {
    message: "num_attention_heads must be a multiple of num_key_value_heads",
  })
  .refine((c) => c.headDim % 2 === 0, { message: "head_dim must be even" });

export interface ModelConfig extends z.infer<typeof modelConfig> {
  /** Changes the values of the rotary tables but no shape, so plans ignore it. Absent: plain frequencies. */
  readonly ropeScaling?: RopeScaling;
}

export class UnsupportedModelError extends Error {}

/** Reads config.json. Throws `UnsupportedModelError`, which names the invalid or unsupported field. */
export function readModelConfig(config: unknown): ModelConfig {
  const raw = rawConfig.safeParse(config);
  if (!raw.success) throw new UnsupportedModelError(`config.json: ${issueText(raw.error)}`);
  const c = raw.data;
  const family = c.model_type ?? c.architectures?.[0] ?? "(none)";
  if (!isFamily(family)) {
    throw new UnsupportedModelError(
      `config.json: model_type ${JSON.stringify(family)} is not supported; supported: ${families.join(", ")}`,
    );
  }
  refuseUnsupported(c, family);
  const rope = readRope(c, refuse);
  const defaults = familyDefaults[family];
  const parsed = modelConfig.safeParse({
    family,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads: (c.num_key_value_heads === undefined ? defaults.kvHeads : c.num_key_value_heads) ?? c.num_attention_heads,
    headDim: c.head_dim ?? defaults.headDim ?? c.hidden_size / c.num_attention_heads,
    contextLength: c.max_position_embeddings,
    ropeTheta: rope.theta,
    rmsNormEps: c.rms_norm_eps ?? 1e-6,
    tieWordEmbeddings: c.tie_word_embeddings ?? false,
  });
  if (!parsed.success) throw new UnsupportedModelError(`config.json: ${issueText(parsed.error)}`);
  return { ...parsed.data, ...(rope.scaling && { ropeScaling: rope.scaling }) };
}

function refuse(message: string): never {
  throw new UnsupportedModelError(`config.json: ${message}`);
}

const rawConfig = z.object({
  model_type: z.string().max(64).optional(),
  architectures: z.array(z.string().max(128)).max(8).optional(),
  vocab_size: z.number(),
  hidden_size: z.number(),
  intermediate_size: z.number(),
  num_hidden_layers: z.number(),
  num_attention_heads: z.number().positive(),
  num_key_value_heads: z.number().nullish(),
  head_dim: z.number().nullish(),
  max_position_embeddings: z.number(),
  ...rawRope,
  rms_norm_eps: z.number().optional(),
  tie_word_embeddings: z.boolean().optional(),
  hidden_act: z.string().max(64).optional(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  use_sliding_window: z.boolean().optional(),
  sliding_window: z.number().nullish(),
  layer_types: z.array(z.string().max(64)).max(512).nullish(),
  quantization_config: z.unknown().optional(),
});

function refuseUnsupported(c: z.infer<typeof rawConfig>, family: Family): void {
  const unless = (field: string, value: unknown, supported: unknown) => {
    if (value === undefined || value === supported) return;
    refuse(`${field} ${JSON.stringify(value)} is not supported; supported: ${String(supported)}`);
  };
  unless("hidden_act", c.hidden_act, "silu");
  unless("attention_bias", c.attention_bias, false);
  unless("mlp_bias", c.mlp_bias, false);
  unless("use_sliding_window", c.use_sliding_window, false);
  const layerType = c.layer_types?.find((type) => type !== "full_attention");
  unless("layer_types", layerType, "full_attention");
  if (c.quantization_config !== undefined && c.quantization_config !== null) {
    refuse(
      "quantization_config is not supported: programs would quantise the weights on loading; take the model as it was before its quantisation, in BF16 or F32",
    );
  }
  const { slidingWindow } = familyDefaults[family];
  const window = c.sliding_window === undefined ? slidingWindow : c.sliding_window;
  if (slidingWindow !== undefined && typeof window === "number" && window < c.max_position_embeddings) {
    refuse(
      `sliding_window ${window}${c.sliding_window === undefined ? ` (the default of ${family})` : ""} is not supported with ` +
        `max_position_embeddings ${c.max_position_embeddings}; supported: null, or a window as long as the context`,
    );
  }
}

/** The name of each fact in config.json. */
const fieldNames: ReadonlyMap<PropertyKey, string> = new Map([
  ["vocabSize", "vocab_size"],
  ["hiddenSize", "hidden_size"],
  ["intermediateSize", "intermediate_size"],
  ["layers", "num_hidden_layers"],
  ["heads", "num_attention_heads"],
  ["kvHeads", "num_key_value_heads"],
  ["headDim", "head_dim"],
  ["contextLength", "max_position_embeddings"],
  ["ropeTheta", "rope_theta"],
  ["rmsNormEps", "rms_norm_eps"],
]);

function issueText(error: z.ZodError): string {
  const fieldOf = (path: readonly PropertyKey[]) => path.map((key) => fieldNames.get(key) ?? String(key)).join(".");
  return error.issues.map((issue) => `${fieldOf(issue.path) || "(root)"}: ${plainIssue(issue)}`).join("; ");
}
