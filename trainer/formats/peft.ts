/**
 * LoRA adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors, with its keys
 * `base_model.model.<module>.lora_A.weight` (r, in) and `…lora_B.weight` (out, r).
 */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import type { LoraSettings, MethodSettings } from "../contract/methods.ts";

const prefix = "base_model.model.";

export const adapterConfigFile = "adapter_config.json";
export const adapterWeightsFile = "adapter_model.safetensors";

/** PEFT's key of a parameter named by its site. */
export const peftKey = (name: string) => `${prefix}${name}`;

/** The text of adapter_config.json. `modules`: what `all-linear` stands for in this model. */
export function adapterConfig(method: MethodSettings, modules: readonly string[], baseUri: string): string {
  switch (method.kind) {
    case "lora":
      return `${JSON.stringify(loraConfig(method, modules, baseUri), null, 2)}\n`;
    case "full":
      throw new Error("method full leaves a model, which has no adapter_config.json");
  }
}

function loraConfig(settings: LoraSettings, modules: readonly string[], baseUri: string) {
  const targets = settings.targetModules.includes("all-linear") ? modules : settings.targetModules;
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    auto_mapping: null,
    base_model_name_or_path: baseUri,
    revision: null,
    inference_mode: true,
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    target_modules: [...new Set(targets)].sort(),
    exclude_modules: null,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    use_rslora: settings.rankStabilized,
    use_dora: false,
    lora_bias: false,
  };
}

const readable = z.looseObject({
  peft_type: z.literal("LORA"),
  r: z.int().min(1).max(4096),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).max(1).optional(),
  target_modules: z.array(z.string().max(256)).min(1).max(1024),
  use_rslora: z.boolean().nullish(),
  bias: z.literal("none").optional(),
  use_dora: z.literal(false).nullish(),
  lora_bias: z.literal(false).nullish(),
  fan_in_fan_out: z.literal(false).nullish(),
  modules_to_save: z.null().optional(),
  layers_to_transform: z.null().optional(),
  rank_pattern: z.strictObject({}).nullish(),
  alpha_pattern: z.strictObject({}).nullish(),
});

/** Reads adapter_config.json. Throws a failure that names what is not supported. */
export function readAdapterConfig(text: string): LoraSettings {
  const parsed = readable.safeParse(parse(text));
  if (!parsed.success) throw invalid("AdapterUnsupported", `${adapterConfigFile}: ${z.prettifyError(parsed.error)}`);
  const { r, lora_alpha, lora_dropout, target_modules, use_rslora } = parsed.data;
  return {
    rank: r,
    alpha: lora_alpha,
    dropout: lora_dropout ?? 0,
    targetModules: target_modules,
    rankStabilized: use_rslora ?? false,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("AdapterUnsupported", `${adapterConfigFile}: not JSON`);
  }
}
