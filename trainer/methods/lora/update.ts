/** Rank, scale and initialisation of the low-rank update of one layer. Pure. */
import type { DoraSettings } from "../../contract/methods/dora.ts";
import type { LoraSettings } from "../../contract/methods/lora.ts";
import type { LinearSite, Trained } from "../../graph/site.ts";
import type { Decomposition, Initial } from "../../graph/tensor.ts";
import { isNamed, isTarget, targetFault, unknownModule } from "../targets.ts";

export type Update = Omit<DoraSettings, "kind" | "initialization"> & Pick<LoraSettings, "initialization">;

export type RankAndScale = Pick<Update, "rank" | "alpha" | "rankStabilized" | "rankPattern" | "alphaPattern">;

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

/** A and B of a layer. */
export function factorsOf(site: LinearSite, settings: Update, learningRateScale = 1): { a: Trained; b: Trained } {
  const { rank, scale } = updateOf(site.name, settings);
  const start = startOf(site, { rank, scale }, settings);
  const a = site.trainable("lora_A.weight", [rank, site.in], start.a);
  const b = site.trainable("lora_B.weight", [site.out, rank], start.b, { scale, learningRateScale });
  if (startsFromBase(settings)) site.subtractProduct(a, b, scale);
  return { a, b };
}

/** Whether the update starts as a part of the base's matrix, which is subtracted from it. */
export const startsFromBase = ({ initialization }: Pick<Update, "initialization">): boolean =>
  initialization === "PiSSA" || initialization === "OLoRA";

function startOf(
  { name, in: width, out }: LinearSite,
  { rank, scale }: { rank: number; scale: number },
  { initialization }: Update,
): { a: Initial; b: Initial } {
  const part = (of: Decomposition) => {
    const initial = { kind: "part", of, weight: `${name}.weight`, shape: [out, width], scale } as const;
    return { a: { ...initial, side: "a" }, b: { ...initial, side: "b" } } as const;
  };
  switch (initialization) {
    case "PiSSA":
      return part("principal");
    case "OLoRA":
      return part("qr");
    case "Kaiming":
      return { a: { kind: "kaimingUniform", a: Math.sqrt(5) }, b: { kind: "zeros" } };
    case "Gaussian":
      return { a: { kind: "normal", deviation: 1 / rank }, b: { kind: "zeros" } };
    case "Orthogonal":
      return { a: { kind: "orthogonal", pair: name, part: "a" }, b: { kind: "orthogonal", pair: name, part: "b" } };
  }
}

/** Names of a model's layers, and of its adapted layers. */
export interface Layers {
  readonly named: readonly string[];
  readonly linear: readonly string[];
  readonly embeddings: readonly string[];
}

/** A model's linear layers, for a method without other targets. */
export const linearOnly = (settings: Update, sites: readonly string[]): Layers => ({
  named: sites,
  linear: sites.filter((site) => isTarget(site, settings)),
  embeddings: [],
});

/** The error if this model lacks such layers or ranks; undefined otherwise. */
export function updateFault(settings: Update, { named, linear, embeddings }: Layers): string | undefined {
  const adapted = [...linear, ...embeddings];
  const fault = targetFault(settings, named);
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
