/** Rank and scale of the update of one layer, for every method that has LoRA's settings for them. Pure. */
import type { DoraSettings } from "../contract/methods/dora.ts";
import type { LoraSettings } from "../contract/methods/lora.ts";
import { isNamed, isTarget, targetFault, unknownModule } from "./targets.ts";

export type Update = Omit<DoraSettings, "kind" | "initialization"> &
  Pick<LoraSettings, "initialization"> &
  Partial<Pick<LoraSettings, "evaRho">>;

export type RankAndScale = Pick<Update, "rank" | "alpha" | "rankStabilized" | "rankPattern" | "alphaPattern">;

export type RankedSettings = Pick<
  LoraSettings,
  "rank" | "alpha" | "targetModules" | "excludeModules" | "layers" | "rankPattern" | "alphaPattern"
>;

/** The settings of a method that has no other of LoRA's. */
export const asLora = (settings: RankedSettings): Update => ({
  ...settings,
  rankStabilized: false,
  initialization: "Kaiming",
});

/** Rank of the named layer, and s in y = Wx + s·BAx. */
export function updateOf(name: string, settings: RankAndScale): { rank: number; scale: number } {
  const rank = patternOf(name, settings.rankPattern) ?? settings.rank;
  const alpha = patternOf(name, settings.alphaPattern) ?? settings.alpha;
  return { rank, scale: alpha / (settings.rankStabilized ? Math.sqrt(rank) : rank) };
}

/** The value of the longest pattern that matches the layer. */
function patternOf(name: string, pattern: Readonly<Record<string, number>>): number | undefined {
  const [first] = longestFirst(pattern).filter(([key]) => isNamed(name, key));
  return first?.[1];
}

/** As in PEFT, the first pattern that matches. */
export const longestFirst = (pattern: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(pattern).sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1));

/** Names of a model's layers, and of its adapted layers. */
export interface Layers {
  readonly named: readonly string[];
  readonly linear: readonly string[];
  readonly embeddings: readonly string[];
  /** Adapted parameters of experts. */
  readonly parameters?: readonly string[];
}

/** A model's linear layers, for a method without other targets. */
export const linearOnly = (settings: Update, sites: readonly string[]): Layers => ({
  named: sites,
  linear: sites.filter((site) => isTarget(site, settings)),
  embeddings: [],
});

/** The error if this model lacks such layers or ranks; undefined otherwise. */
export function updateFault(
  settings: Update,
  { named, linear, embeddings, parameters = [] }: Layers,
): string | undefined {
  const adapted = [...linear, ...embeddings, ...parameters];
  const fault = targetFault(settings, named, parameters.length > 0);
  if (fault !== undefined) return fault;
  const { rankPattern, alphaPattern, initialization } = settings;
  for (const [field, pattern] of Object.entries({ rankPattern, alphaPattern })) {
    const unknown = Object.keys(pattern).find((key) => !adapted.some((site) => isNamed(site, key)));
    if (unknown === undefined) continue;
    if (!named.some((site) => isNamed(site, unknown))) return unknownModule(field, unknown, named);
    return `${field}: ${JSON.stringify(unknown)} is not adapted: add it to targetModules, or remove it here`;
  }
  const odd = linear.find((site) => updateOf(site, settings).rank % 2 === 1);
  if (initialization !== "Orthogonal" || odd === undefined) return undefined;
  return `initialization: Orthogonal needs even ranks, and that of ${odd} is ${updateOf(odd, settings).rank}`;
}
