/** LoRA in PEFT's layout: keys `<module>.lora_A.weight` (r, in) and `<module>.lora_B.weight` (out, r). */
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

/** Starts of A and B that leave the base alone; PEFT's others (pissa, olora, loftq, corda, …) take a part out of it. */
const plainStarts = [true, false, "gaussian", "orthogonal"];

/** Members that only say more about a start or a flag, which is itself refused where it is set. */
const ofStartsAndFlags = [
  ...["loftq_config", "eva_config", "corda_config", "lora_ga_config"],
  ...["layers_pattern", "qalora_group_size", "megatron_core", "runtime_config", "ensure_weight_tying"],
];

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
  read(members) {
    members.only("bias", ["none"]);
    members.only(
      "init_lora_weights",
      plainStarts,
      "PEFT may change the base when it loads such an adapter: save it as plain LoRA there (path_initial_model_for_weight_conversion of save_pretrained)",
    );
    members.ignore(ofStartsAndFlags);
    return {
      kind: "lora",
      rank: members.whole("r", 1, 4096),
      alpha: members.positive("lora_alpha"),
      dropout: members.share("lora_dropout"),
      targetModules: members.layers("target_modules"),
      rankStabilized: members.flag("use_rslora"),
    };
  },
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
