/**
 * EVA: A starts as the directions in which a layer's inputs vary most, B = 0. Ranks move to the layers whose directions explain
 * larger shares of the variance.                                                              Paischer et al. 2024, §3
 *
 * Every layer has room for its highest rank. Rows of A beyond the rank that it gets are zero, like their columns of B: no
 * gradient reaches either, so they stay zero, and the saved adapter leaves them out.
 */
import { invalid } from "../../contract/failure.ts";
import type { LoraSettings } from "../../contract/methods/lora.ts";
import type { SetupFacts, SetupHost } from "../../graph/site.ts";
import type { ConfigFacts, NamedValues } from "../peft.ts";
import { isAdapted } from "../savedModules.ts";
import { type Update, updateOf } from "../update.ts";
import { IncrementalPca, pcaBytes, updateBytes } from "./incrementalPca.ts";

export const isEva = ({ initialization }: Pick<LoraSettings, "initialization">): boolean => initialization === "EVA";

/** The highest rank of a layer, as a multiple of its own. */
export const multipleOf = (settings: Pick<Update, "initialization" | "evaRho">): number =>
  isEva(settings) ? (settings.evaRho ?? 2) : 1;

/** Room for the rank of a layer. */
const roomOf = (site: string, settings: Update): number => updateOf(site, settings).rank * multipleOf(settings);

/**
 * The passes over little data, and the batches over more. PEFT ends only when the directions no longer turn, which near-equal
 * singular values may never do; by then each direction has been fitted to a hundred batches, and every batch costs a forward pass of
 * all blocks below for each block.
 */
const mostPasses = 10;
const mostBatches = 100;

/** Layers with one input. */
interface Group {
  readonly sites: readonly string[];
  readonly block: number;
  readonly pca: IncrementalPca;
}

/** Sets A of every adapted layer. */
export async function setUpEva(host: SetupHost, settings: LoraSettings): Promise<void> {
  const groups: Group[] = [];
  const { evaTau = 0.99 } = settings;
  let ranks = new Map<string, number>();
  const needed = ({ sites }: Group) => Math.max(...sites.map((site) => ranks.get(site) ?? 0));
  const hasConverged = (group: Group) => {
    const { similarities } = group.pca;
    return similarities.length > 0 && similarities.slice(0, needed(group)).every((value) => value >= evaTau);
  };
  const batches = Math.max(2, mostPasses * host.batches);
  const lacksDirections = () => groups.some(({ pca }) => pca.components.length === 0);
  for (let batch = 0, read = 0; batch < batches && (read < mostBatches || lacksDirections()); batch++) {
    if (batch === host.batches) requireDirections(groups);
    const tokens = host.trainedTokens(batch);
    // The first batch shows which layers share an input, whatever its tokens.
    const wants = (group: Group) => tokens >= group.pca.rank && !hasConverged(group);
    if (batch > 0 && !groups.some(wants)) continue;
    read++;
    for (let block = 0; block < host.blocks; block++) {
      const known = groups.filter((group) => group.block === block);
      if (batch > 0 && !known.some(wants)) continue;
      for (const input of await host.inputs(batch, block)) {
        const sites = input.sites.filter((site) => isAdapted(site, settings));
        if (sites.length === 0) continue;
        let group = known.find((one) => one.sites[0] === sites[0]);
        if (group && hasConverged(group)) continue;
        if (!group) {
          const room = Math.max(...sites.map((site) => roomOf(site, settings)));
          group = { sites, block, pca: new IncrementalPca(Math.min(room, input.width), input.width) };
          groups.push(group);
        }
        await group.pca.add(input, host.principal);
      }
    }
    if (lacksDirections()) continue;
    ranks = distributed(groups, settings);
    if (groups.every(hasConverged)) break;
  }
  requireDirections(groups);
  for (const { sites, pca } of groups) {
    for (const site of sites) {
      const a = host.values("parameter", `${site}.lora_A.weight`);
      a.fill(0);
      a.set(pca.components.subarray(0, (ranks.get(site) ?? 0) * pca.width));
    }
  }
}

const ofBlock = /(?<=\.layers\.)\d+(?=\.)/;

/** Arrays that are no longer used, which V8 collects once new ones have this many bytes. */
const uncollectedBytes = 64 * 2 ** 20;

/** Memory of the pass: the directions of all layers, and the decomposition of one input beside all inputs of its block. */
export function evaBytes({ blocks, inputs, tokens }: SetupFacts, settings: LoraSettings): number {
  let kept = 0;
  let decomposed = 0;
  for (let block = 0; block < blocks; block++) {
    for (const { sites, width } of inputs) {
      const adapted = sites
        .map((site) => site.replace(ofBlock, `${block}`))
        .filter((site) => isAdapted(site, settings));
      if (adapted.length === 0) continue;
      const rank = Math.min(width, Math.max(...adapted.map((site) => roomOf(site, settings))));
      kept += pcaBytes(rank, width);
      decomposed = Math.max(decomposed, updateBytes(rank, width, tokens));
    }
  }
  const gathered = 4 * tokens * inputs.reduce((sum, { width }) => sum + width, 0);
  return kept + decomposed + gathered + uncollectedBytes;
}

/** Throws the error if no batch of a pass had as many trained tokens as some layer's directions: no further pass has them. */
function requireDirections(groups: readonly Group[]): void {
  const without = groups.find(({ pca }) => pca.components.length === 0);
  if (without) throw tooFewTokens(without.pca.rank);
}

/** The error if every batch has fewer trained tokens than the rank. */
const tooFewTokens = (rank: number) =>
  invalid(
    "TooFewTokens",
    `method.lora.initialization: EVA needs ${rank} trained tokens in one batch for as many directions of a layer, and no batch has them: raise training.batchTokens, or lower rank or evaRho`,
  );

/**
 * Distributes the sum of the layers' ranks: among the directions of all layers, those that explain the largest shares of
 * the variance of their layer's input are kept.
 */
function distributed(groups: readonly Group[], settings: LoraSettings): Map<string, number> {
  const rooms = groups.flatMap(({ sites, pca }) =>
    sites.map((site) => ({
      site,
      rank: updateOf(site, settings).rank,
      explained: pca.explained.slice(0, roomOf(site, settings)),
    })),
  );
  const budget = rooms.reduce((sum, { rank }) => sum + rank, 0);
  // Equal shares, of layers with one input, go to the first layers.
  const best = rooms
    .flatMap(({ site, explained }) => explained.map((share) => ({ site, share })))
    .sort((one, two) => two.share - one.share)
    .slice(0, budget);
  const ranks = new Map<string, number>(rooms.map(({ site }) => [site, 0]));
  for (const { site } of best) ranks.set(site, ranks.get(site)! + 1);
  return ranks;
}

const ofFactor = /^(.+)\.lora_([AB])\.weight$/;

/** The rank that a layer was given: A's rows without the zero rows at the end; at least 1, as a file cannot hold a factor without rows. */
function rankIn({ shape, values }: NamedValues): number {
  const width = shape[1] ?? 1;
  const last = values.findLastIndex((value) => value !== 0);
  return Math.max(1, Math.ceil((last + 1) / width));
}

/** The rank of each layer by name. */
const ranksIn = (parameters: readonly NamedValues[]): Map<string, number> =>
  new Map(
    parameters.flatMap((one) =>
      one.name.endsWith(".lora_A.weight") ? [[ofFactor.exec(one.name)![1]!, rankIn(one)]] : [],
    ),
  );

/** A and B of the ranks that the layers were given. */
export function trimmed(parameters: readonly NamedValues[]): NamedValues[] {
  const ranks = ranksIn(parameters);
  return parameters.map((one) => {
    const [, site = "", side] = ofFactor.exec(one.name) ?? [];
    const rank = ranks.get(site);
    return rank === undefined ? one : resized(one, side === "A" ? [rank, one.shape[1]!] : [one.shape[0]!, rank]);
  });
}

/** A and B with room for the highest rank again. */
export function padded(tensors: readonly NamedValues[], settings: LoraSettings): NamedValues[] {
  return tensors.map((one) => {
    const [, site, side] = ofFactor.exec(one.name) ?? [];
    if (site === undefined) return one;
    const room = roomOf(site, settings);
    return resized(one, side === "A" ? [room, one.shape[1]!] : [one.shape[0]!, room]);
  });
}

/** A matrix with other numbers of rows and columns: cut, or zero beyond the old ones. */
function resized({ name, shape, values }: NamedValues, [rows, columns]: readonly [number, number]): NamedValues {
  const [, width = 0] = shape;
  const made = new Float32Array(rows * columns);
  for (let row = 0; row < Math.min(rows, shape[0] ?? 0); row++)
    made.set(values.subarray(row * width, row * width + Math.min(width, columns)), row * columns);
  return { name, shape: [rows, columns], values: made };
}

/** The patterns of a saved adapter: the rank of each layer, and alpha for the same scale. */
export function patternsOf(settings: LoraSettings, { parameters }: ConfigFacts) {
  const ranks: Record<string, number> = {};
  const alphas: Record<string, number> = {};
  for (const [site, rank] of ranksIn(parameters)) {
    const { scale } = updateOf(site, settings);
    ranks[site] = rank;
    alphas[site] = scale * (settings.rankStabilized ? Math.sqrt(rank) : rank);
  }
  return { rank_pattern: ranks, alpha_pattern: alphas };
}
