/**
 * The members of adapter_config.json that select the adapted layers, and the ranks and alphas of single layers: the same in
 * every method that has them. Pure.
 */
import type { PeftMembers } from "./peftMembers.ts";
import type { Targets } from "./targets.ts";
import { longestFirst, type RankAndScale } from "./update.ts";

/** The names of the adapted layers, sorted: PEFT accepts `all-linear` only for a new adapter. */
export const targetsOf = (targets: readonly string[], modules: readonly string[]): string[] =>
  [...new Set(targets.includes("all-linear") ? modules : targets)].sort();

/** PEFT's members that select among the target modules. */
export const selection = ({ excludeModules, layers }: Targets) => ({
  exclude_modules: excludeModules.length === 0 ? null : [...excludeModules].sort(),
  layers_to_transform: layers.length === 0 ? null : [...layers].sort((x, y) => x - y),
});

/** The members that select the adapted layers. */
export const readSelection = (members: PeftMembers, { canLackModules = false } = {}) => ({
  targetModules: canLackModules ? members.namesOrAll("target_modules") : members.layers("target_modules"),
  excludeModules: members.names("exclude_modules"),
  layers: members.wholes("layers_to_transform"),
});

/** The ranks and alphas of single layers. */
export const patterns = ({ rankPattern, alphaPattern }: Pick<RankAndScale, "rankPattern" | "alphaPattern">) => ({
  rank_pattern: Object.fromEntries(longestFirst(rankPattern)),
  alpha_pattern: Object.fromEntries(longestFirst(alphaPattern)),
});

export const readPatterns = (members: PeftMembers) => ({
  rankPattern: members.byLayer("rank_pattern", (rank) => Number.isInteger(rank) && rank <= 4096),
  alphaPattern: members.byLayer("alpha_pattern", () => true),
});
