/**
 * Reads from Hugging Face's config.json the facts that determine a base model's shapes. The file is untrusted: every
 * number is bounded, and an unsupported field is refused by name.
 */
import { z } from "zod";
import { expertsOf } from "./experts.ts";
import {
  type Family,
  type FamilyRules,
  families,
  familyRules,
  ignoredFields,
  isFamily,
  type ModelValues,
  type RawConfig,
  rawConfig,
  ropeOf,
  wrappers,
} from "./families.ts";
import { givenAdapters, givenAdaptersMember } from "./givenAdapters.ts";
import { plainIssue } from "./plainIssue.ts";
import type { RopeScaling } from "./rope.ts";
import { readStoredQuantization, type StoredQuantization } from "./storedQuantization.ts";

const dimension = (max: number) => z.int().min(1).max(max);

/** A decoder with RMSNorm, RoPE, grouped-query attention and a gated feed-forward; `models/` has each family's figure. */
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
    attentionBias: z.literal(true).optional(),
    mlpBias: z.literal(true).optional(),
    /** Tokens up to which all examples are rotated alike (LongRoPE); absent: all are. */
    originalContext: dimension(16_777_216).optional(),
    experts: z
      .object({
        count: dimension(1024),
        chosen: dimension(64),
        /** Width inside an expert. */
        width: dimension(262_144),
        /** Layers whose feed-forward is one of the usual kind. */
        denseLayers: z.array(z.int().min(0).max(511)).max(512).optional(),
      })
      .optional(),
    /** It is the language model of a model that reads pictures too. */
    wrapped: z.literal(true).optional(),
    slidingWindow: dimension(16_777_216).optional(),
    noRopeLayers: z.array(z.int().min(0).max(511)).max(512).optional(),
    /** Fields of config.json without effect here, each with its value. */
    ignoredFields: z.array(z.string().max(64)).max(4).optional(),
    /** Adapters that prepare put into the base. */
    givenAdapters: givenAdapters.optional(),
  })
  .refine((c) => c.heads % c.kvHeads === 0, {
    message: "num_attention_heads must be a multiple of num_key_value_heads",
  })
  .refine((c) => c.headDim % 2 === 0, { message: "head_dim must be even" })
  .refine(({ experts: e }) => e === undefined || e.chosen <= e.count, {
    message: "num_experts_per_tok must be at most the number of experts",
  });

export interface ModelConfig extends z.infer<typeof modelConfig>, ModelValues {
  /** Changes the values of the rotary tables but no shape, so plans ignore it. Absent: plain frequencies. */
  readonly ropeScaling?: RopeScaling;
}

export class UnsupportedModelError extends Error {}

/** Reads config.json. Throws `UnsupportedModelError`, which names the invalid or unsupported field. */
export function readModelConfig(config: unknown): ModelConfig {
  const members = isMembers(config) ? unnested(config) : config;
  const family = familyOf(members);
  const raw = rawConfig.safeParse(isMembers(members) ? { ...familyRules[family].omitted, ...members } : members);
  if (!raw.success) throw new UnsupportedModelError(`config.json: ${issueText(raw.error)}`);
  const c = raw.data;
  const rules = familyRules[family];
  refuseUnsupported(c, family);
  const rope = ropeOf(c, family, refuse);
  const parsed = modelConfig.safeParse({
    family,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads: (c.num_key_value_heads === undefined ? rules.kvHeads : c.num_key_value_heads) ?? c.num_attention_heads,
    headDim: c.head_dim ?? rules.headDim ?? c.hidden_size / c.num_attention_heads,
    contextLength: c.max_position_embeddings,
    ropeTheta: rope.theta,
    rmsNormEps: c.rms_norm_eps ?? rules.normEps ?? 1e-6,
    tieWordEmbeddings: c.tie_word_embeddings ?? rules.tied ?? false,
    ...(isMembers(config) && isWrapper(config) && { wrapped: true }),
    ...(isMembers(config) &&
      config[givenAdaptersMember] !== undefined && { givenAdapters: config[givenAdaptersMember] }),
    ...(rules.experts && { experts: expertsOf(c, rules.experts, refuse) }),
  });
  if (!parsed.success) throw new UnsupportedModelError(`config.json: ${issueText(parsed.error)}`);
  const model = parsed.data;
  const window = windowOf(c, rules, model);
  const noRope = rules.noRope && layersWhere(model, (layer) => rules.noRope!(layer, c));
  const rotaryWidth = rotaryWidthOf(rope, model);
  const { biases = [] } = rules;
  const ignored = ignoredFields(c);
  const original = rope.scaling?.type === "longrope" ? rope.scaling.originalContext : model.contextLength;
  return {
    ...model,
    ...((c.attention_bias ?? rules.attentionBias) &&
      biases.includes("attention_bias") && { attentionBias: true as const }),
    ...(c.mlp_bias && biases.includes("mlp_bias") && { mlpBias: true as const }),
    ...(original < model.contextLength && { originalContext: original }),
    ...window,
    ...(noRope && noRope.length > 0 && { noRopeLayers: noRope }),
    ...(rope.scaling && { ropeScaling: rope.scaling }),
    ...(rope.queryScaling && { queryScaling: rope.queryScaling }),
    ...(rotaryWidth !== undefined && { rotaryWidth }),
    ...(ignored.length > 0 && { ignoredFields: ignored }),
    ...rules.values?.(c, refuse),
  };
}

const named = z.looseObject({
  model_type: rawConfig.shape.model_type,
  architectures: rawConfig.shape.architectures,
});

/** Read before the other fields, which other architectures name otherwise. */
function familyOf(members: unknown): Family {
  const read = named.safeParse(members);
  if (!read.success) throw new UnsupportedModelError(`config.json: ${issueText(read.error)}`);
  const family = read.data.model_type ?? read.data.architectures?.[0] ?? "(none)";
  if (isFamily(family)) return family;
  throw new UnsupportedModelError(
    `config.json: model_type ${JSON.stringify(family)} is not supported; supported: ${families.join(", ")}`,
  );
}

const layersWhere = ({ layers }: { layers: number }, has: (layer: number) => boolean): number[] =>
  Array.from({ length: layers }, (_, layer) => layer).filter(has);

/** The window and, unless it has all, its layers; nothing where the window is as long as the context and changes nothing. */
function windowOf(
  c: RawConfig,
  { window: rule }: FamilyRules,
  model: { layers: number; contextLength: number },
): Pick<ModelConfig, "slidingWindow" | "slidingLayers"> {
  const size = c.sliding_window === undefined ? rule?.size : c.sliding_window;
  const types = c.layer_types ?? undefined;
  const listed = types && layersWhere(model, (layer) => types[layer] === "sliding_attention");
  if (rule === undefined || typeof size !== "number" || (rule.onlyIfUsed && c.use_sliding_window !== true)) {
    if (rule?.hasRope) refuse(`sliding_window ${String(size)} is not supported; it must be a number`);
    if (listed && listed.length > 0) refuseLayerTypes("sliding_attention", "full_attention");
    return {};
  }
  if (!Number.isInteger(size) || size < 1) refuse(`sliding_window is ${size}; it must be a whole number from 1`);
  const usual = layersWhere(model, (layer) => rule.usual(layer, c));
  if (!rule.byLayerTypes && listed && listed.length < model.layers) {
    refuseLayerTypes("full_attention", `sliding_attention, since sliding_window is ${size}`);
  }
  const sliding = listed ?? usual;
  if (sliding.length === 0 || (size >= model.contextLength && !rule.hasRope)) return {};
  return {
    slidingWindow: Math.min(size, model.contextLength),
    ...(sliding.length < model.layers && { slidingLayers: sliding }),
  };
}

const refuseLayerTypes = (type: string, supported: string): never =>
  refuse(`layer_types ${JSON.stringify(type)} is not supported; supported: ${supported}`);

/** Elements of a head that are rotated, and the check of LongRoPE's factors against them. */
function rotaryWidthOf(
  { share, scaling }: { share?: number | undefined; scaling?: RopeScaling | undefined },
  { headDim }: { headDim: number },
): number | undefined {
  const width = share === undefined ? headDim : Math.floor(headDim * share);
  if (width % 2 !== 0 || width < 2)
    refuse(`partial_rotary_factor ${share} rotates ${width} of head_dim ${headDim}; it must be even`);
  if (scaling?.type === "longrope") {
    for (const [field, factors] of [
      ["short_factor", scaling.shortFactor],
      ["long_factor", scaling.longFactor],
    ] as const) {
      if (factors.length !== width / 2)
        refuse(`rope_scaling.${field} has ${factors.length} numbers; it must have ${width / 2}`);
    }
  }
  return share === undefined ? undefined : width;
}

function refuse(message: string): never {
  throw new UnsupportedModelError(`config.json: ${message}`);
}

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Members of a wrapper's configuration that count for its language model too. */
const sharedMembers = [
  ...["dtype", "torch_dtype", "transformers_version", "_name_or_path", givenAdaptersMember],
  ...["bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"],
];

/** Whether a configuration is that of a model with pictures whose language model is read. */
const isWrapper = ({ model_type: type, text_config, vision_config }: Readonly<Record<string, unknown>>): boolean =>
  typeof type === "string" && wrappers.includes(type) && isMembers(text_config) && isMembers(vision_config);

/**
 * The language model's part of a configuration that nests it under `text_config`. Other models with pictures or sound than
 * `wrappers` are refused, because their weights have other names, or their text is computed otherwise.
 */
export function unnested(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!("text_config" in config)) return config;
  const { text_config: text, ...outer } = config;
  if (typeof text !== "object" || text === null) return outer;
  if (isWrapper(config)) {
    if ((config.quantization_config ?? undefined) !== undefined)
      refuse(
        `quantization_config of ${String(config.model_type)} is not supported: take the model as it was before its ` +
          "quantisation, and set baseModel.quantization",
      );
    const shared = Object.entries(outer).filter(([member]) => sharedMembers.includes(member));
    return { ...Object.fromEntries(shared), ...text };
  }
  const other = ["vision_config", "audio_config"].find((field) => outer[field] !== undefined && outer[field] !== null);
  if (other) {
    refuse(
      `${other} is not supported: the model reads more than text; take its language model, saved by itself ` +
        `(supported with their pictures left out: model_type ${wrappers.join(", ")})`,
    );
  }
  const { model_type: _, architectures: __, ...shared } = outer;
  return { ...shared, ...text };
}

function refuseUnsupported(c: RawConfig, family: Family): void {
  const unless = (field: string, value: unknown, supported: unknown) => {
    if (value === undefined || value === null || value === supported) return;
    refuse(`${field} ${JSON.stringify(value)} is not supported; supported: ${String(supported)}`);
  };
  const { activation, window, biases = [] } = familyRules[family];
  unless("hidden_act", c.hidden_act, activation);
  unless("hidden_activation", c.hidden_activation, activation);
  for (const field of ["attention_bias", "mlp_bias"] as const)
    if (!biases.includes(field)) unless(field, c[field], false);
  if (!window?.onlyIfUsed) unless("use_sliding_window", c.use_sliding_window, false);
  const types = c.layer_types?.find((type) => type !== "full_attention" && type !== "sliding_attention");
  unless("layer_types", types, "full_attention, sliding_attention");
  if (window && c.layer_types?.includes("sliding_attention") && c.layer_types.length !== c.num_hidden_layers) {
    refuse(`layer_types has ${c.layer_types.length} entries, and num_hidden_layers is ${c.num_hidden_layers}`);
  }
  if (c.no_rope_layers && c.no_rope_layers.length < c.num_hidden_layers) {
    refuse(`no_rope_layers has ${c.no_rope_layers.length} entries, and num_hidden_layers is ${c.num_hidden_layers}`);
  }
  readStoredQuantization(c.quantization_config, familyRules[family], refuse);
}

/** How the weights of a configuration are quantised already. Throws `UnsupportedModelError`. */
export function storedQuantization(config: unknown): StoredQuantization | undefined {
  const members = isMembers(config) ? unnested(config) : {};
  const family = String(members.model_type);
  return readStoredQuantization(members.quantization_config, isFamily(family) ? familyRules[family] : {}, refuse);
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
  ["count", "number of experts"],
  ["chosen", "num_experts_per_tok"],
  ["width", "width of an expert"],
]);

function issueText(error: z.ZodError): string {
  const fieldOf = (path: readonly PropertyKey[]) => path.map((key) => fieldNames.get(key) ?? String(key)).join(".");
  return error.issues.map((issue) => `${fieldOf(issue.path) || "(root)"}: ${plainIssue(issue)}`).join("; ");
}
