/** The branches that get a bottleneck adapter, and its inner width. Pure. */
import type { BottleneckSettings } from "../../contract/methods/bottleneck.ts";

type Branch = BottleneckSettings["branches"][number];

/** A branch by the name of its site: `model.layers.3.mlp`. */
function branchOf(name: string): { layer: number; branch: Branch } {
  const [, layer, module] = /\.layers\.(\d+)\.(self_attn|mlp)$/.exec(name) ?? [];
  if (layer === undefined) throw new Error(`${name} is not a branch of a block`);
  return { layer: Number(layer), branch: module === "mlp" ? "FeedForward" : "Attention" };
}

export function isAdapted(name: string, { branches, excludeLayers }: BottleneckSettings): boolean {
  const { layer, branch } = branchOf(name);
  return branches.includes(branch) && !excludeLayers.includes(layer);
}

/** As in AdapterHub. */
export const innerWidth = (width: number, { reductionFactor }: Pick<BottleneckSettings, "reductionFactor">): number =>
  Math.max(1, Math.floor(width / reductionFactor));

/** The error if the model lacks such layers or none is left, and the fix; undefined otherwise. */
export function layersFault({ excludeLayers }: BottleneckSettings, layers: number): string | undefined {
  const beyond = excludeLayers.find((layer) => layer >= layers);
  if (beyond !== undefined) return `excludeLayers: ${beyond} does not exist: this model has layers 0 to ${layers - 1}`;
  if (new Set(excludeLayers).size < layers) return undefined;
  return "excludeLayers names every layer of this model, so no layer is left to adapt: remove one";
}
