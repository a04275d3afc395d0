/** Advice on rank and targets from what an adapter learnt. Pure. */
import type { SiteInspection } from "./inspect.ts";

/** Modules that change less than this share of the one that changes most are worth leaving out. */
const littleShare = 0.1;
/** Singular values this even use all of their directions. */
const evenShare = 0.9;

/** Sentences, each about one setting; `rank` is the adapter's own, where its method has one. */
export function adviceOf(sites: readonly SiteInspection[], rank: number | undefined): string[] {
  const trained = sites.filter(({ norm }) => norm > 0);
  if (trained.length === 0)
    return ["The adapter changes nothing: every update is 0. Train it for longer, or check its files."];
  return [...rankAdvice(trained, rank), ...targetAdvice(sites)];
}

function rankAdvice(sites: readonly SiteInspection[], rank: number | undefined): string[] {
  const needed = sites.map(({ rank99 }) => rank99);
  if (needed.some((count) => count === undefined)) return ["Rank: the updates have no low rank; compare method.full."];
  const most = Math.max(...needed.map((count) => count ?? 0));
  const enough = 2 ** Math.ceil(Math.log2(most));
  const held = `${most} direction${most === 1 ? "" : "s"} hold 99 % of every update`;
  if (rank === undefined) return [`Rank: ${held}, so method.lora with rank ${enough} could express them.`];
  if (enough * 2 <= rank) return [`Rank: ${held}; rank ${enough} instead of ${rank} would be enough.`];
  const even = sites.filter((site) => site.effectiveRank >= evenShare * rank);
  if (even.length * 2 > sites.length)
    return [`Rank: most updates use all ${rank} directions about equally; rank ${2 * rank} may learn more.`];
  return [`Rank: ${held}; rank ${rank} fits.`];
}

function targetAdvice(sites: readonly SiteInspection[]): string[] {
  const modules = [...Map.groupBy(sites, ({ name }) => name.slice(name.lastIndexOf(".") + 1))]
    .map(([module, own]) => ({ module, change: own.reduce((sum, site) => sum + relative(site), 0) / own.length }))
    .sort((a, b) => b.change - a.change);
  const [first] = modules;
  if (!first || modules.length === 1) return [];
  const little = modules.filter(({ change }) => change < littleShare * first.change);
  if (little.length === 0) return ["Targets: every module changes by a similar share; keep them all."];
  const named = little.map(({ module, change }) => `${module} (${((100 * change) / first.change).toFixed(1)} %)`);
  return [
    `Targets: compared with ${first.module}, little changes in ${named.join(", ")}; training without may cost nothing.`,
  ];
}

/** ‖ΔW‖ as a share of ‖W‖, else of the norm of as many ones. */
const relative = ({ norm, rows, columns, base }: SiteInspection): number =>
  norm / (base?.norm ?? Math.sqrt(rows * columns));
