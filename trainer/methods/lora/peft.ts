/** LoRA in PEFT's layout: keys `<module>.lora_A.weight` (r, in) and `<module>.lora_B.weight` (out, r). */
import { z } from "zod";
import type { LoraSettings } from "../../contract/methods/lora.ts";
import type { PeftFormat } from "../peft.ts";

/** What stands in the configuration of an adapter that uses none of PEFT's further options. */
const unused = {
  exclude_modules: null,
  modules_to_save: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  bias: "none",
  fan_in_fan_out: false,
  init_lora_weights: true,
};

export const loraPeft: PeftFormat<LoraSettings> = {
  config: (settings, { modules }) => ({
    peft_type: "LORA",
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    target_modules: targetsOf(settings.targetModules, modules),
    ...unused,
    use_rslora: settings.rankStabilized,
    use_dora: false,
    lora_bias: false,
  }),
  matches: ({ peft_type }) => peft_type === "LORA",
  readable: z
    .looseObject({
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
    })
    .transform(({ r, lora_alpha, lora_dropout, target_modules, use_rslora }) => ({
      kind: "lora",
      rank: r,
      alpha: lora_alpha,
      dropout: lora_dropout ?? 0,
      targetModules: target_modules,
      rankStabilized: use_rslora ?? false,
    })),
  fault({ key, shape }, { rank }, has) {
    const [, site, side] = /^(.+)\.lora_([AB])\.weight$/.exec(key) ?? [];
    if (site === undefined) return `key ${key} is none of LoRA's on linear layers (….lora_A.weight, ….lora_B.weight)`;
    const [rows, columns] = shape;
    if (shape.length !== 2 || (side === "A" ? rows : columns) !== rank)
      return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank}`;
    const other = `${site}.lora_${side === "A" ? "B" : "A"}.weight`;
    return has(other) ? undefined : `${key} is there and ${other} is not`;
  },
};

/** The names of the adapted layers, sorted: PEFT knows `all-linear` only where it makes an adapter. */
export const targetsOf = (targets: readonly string[], modules: readonly string[]): string[] =>
  [...new Set(targets.includes("all-linear") ? modules : targets)].sort();
