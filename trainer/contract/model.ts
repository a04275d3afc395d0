/**
 * The facts of a base model that shapes follow from: a bounded reading of Hugging Face's config.json.
 * Untrusted input: every number is bounded, and what is not supported is refused by name.
 */
import { z } from "zod";

const dimension = (max: number) => z.int().min(1).max(max);

const families = ["llama", "qwen2", "qwen3"] as const;
type Family = (typeof families)[number];
const isFamily = (name: string): name is Family => families.some((family) => family === name);

/** A Llama-shaped decoder: RMSNorm, RoPE, grouped-query attention, SwiGLU; Qwen2's has biases, Qwen3's norms of heads. */
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

export type ModelConfig = z.infer<typeof modelConfig>;

export class UnsupportedModelError extends Error {}

/** Reads config.json. Throws `UnsupportedModelError` naming the field that is wrong or not supported. */
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
  refuseUnsupported(c);
  const parsed = modelConfig.safeParse({
    family,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    contextLength: c.max_position_embeddings,
    ropeTheta: c.rope_theta ?? c.rope_parameters?.rope_theta ?? 10_000,
    rmsNormEps: c.rms_norm_eps ?? 1e-6,
    tieWordEmbeddings: c.tie_word_embeddings ?? false,
  });
  if (!parsed.success) throw new UnsupportedModelError(`config.json: ${issueText(parsed.error)}`);
  return parsed.data;
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
  rope_theta: z.number().optional(),
  rope_parameters: z.object({ rope_type: z.string().max(64).optional(), rope_theta: z.number().optional() }).nullish(),
  rope_scaling: z.object({}).loose().nullish(),
  rms_norm_eps: z.number().optional(),
  tie_word_embeddings: z.boolean().optional(),
  hidden_act: z.string().max(64).optional(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  use_sliding_window: z.boolean().optional(),
  layer_types: z.array(z.string().max(64)).max(512).nullish(),
});

function refuseUnsupported(c: z.infer<typeof rawConfig>): void {
  const refuse = (field: string, value: unknown, supported: string) => {
    throw new UnsupportedModelError(
      `config.json: ${field} ${JSON.stringify(value)} is not supported; supported: ${supported}`,
    );
  };
  if (c.hidden_act !== undefined && c.hidden_act !== "silu") refuse("hidden_act", c.hidden_act, "silu");
  if (c.attention_bias === true) refuse("attention_bias", true, "false");
  if (c.mlp_bias === true) refuse("mlp_bias", true, "false");
  if (c.use_sliding_window === true) refuse("use_sliding_window", true, "false");
  const layerType = c.layer_types?.find((type) => type !== "full_attention");
  if (layerType !== undefined) refuse("layer_types", layerType, "full_attention");
  if (c.rope_scaling) refuse("rope_scaling", c.rope_scaling, "none");
  const ropeType = c.rope_parameters?.rope_type;
  if (ropeType !== undefined && ropeType !== "default") refuse("rope_parameters.rope_type", ropeType, "default");
}

function issueText(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`).join("; ");
}
