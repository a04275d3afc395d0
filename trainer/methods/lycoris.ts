/** The members of adapter_config.json that PEFT's LoHa and LoKr share (its `LycorisConfig`). Pure. */
import type { ConfigFacts } from "./peft.ts";
import type { PeftMembers } from "./peftMembers.ts";
import { patterns, readPatterns, readSelection, selection, targetsOf } from "./peftTargets.ts";
import type { RankedSettings } from "./update.ts";

export const lycorisConfig = (settings: RankedSettings, { modules }: Pick<ConfigFacts, "modules">) => ({
  r: settings.rank,
  alpha: settings.alpha,
  rank_dropout: 0,
  module_dropout: 0,
  use_effective_conv2d: false,
  target_modules: targetsOf(settings.targetModules, modules),
  ...selection(settings),
  layers_pattern: null,
  modules_to_save: null,
  ...patterns(settings),
  init_weights: true,
});

export function readLycoris(members: PeftMembers): RankedSettings {
  // Members that only training or convolutions use.
  members.ignore(["rank_dropout", "module_dropout", "rank_dropout_scale", "use_effective_conv2d"]);
  members.ignore(["init_weights", "layers_pattern"]);
  return {
    rank: members.whole("r", 1, 4096),
    alpha: members.positive("alpha"),
    ...readSelection(members),
    ...readPatterns(members),
  };
}
