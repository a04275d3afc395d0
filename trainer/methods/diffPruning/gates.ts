/**
 * Hard-concrete gates on the host: their estimate after training, the differences that they leave, and the choice of those that
 * stay. Pure, apart from `fixDifferences`.                                           Guo et al. 2021, §3; Louizos et al. 2018
 */
import type { StepHost } from "../../graph/site.ts";
import { countOf, markLargest } from "../largest.ts";

/** The interval to which a gate is stretched before it is clamped to 0 and 1. */
export const stretch = { low: -1.5, high: 1.5 } as const;

/** α of every gate at first: nearly all are open. */
export const firstAlpha = 5;

/** α of gates that stay open; −this of those that stay closed. Their z is 1 or 0 and their gradient 0, for every random number. */
const settled = 1000;

/** Names of a layer's trained tensors; `diff` alone where a finished adapter runs. */
export const parts = { diff: "diff", alpha: "diff_alpha", group: "diff_group" } as const;

/** z without random numbers. */
export function gateOf(alpha: number): number {
  const s = 1 / (1 + Math.exp(-alpha));
  return Math.min(1, Math.max(0, stretch.low + (stretch.high - stretch.low) * s));
}

/** The trained tensors of a layer. */
export interface Gated {
  readonly diff: Float32Array;
  readonly alpha: Float32Array;
  readonly group: Float32Array | undefined;
}

/** z ⊙ w */
export function differencesOf(gated: Gated): Float32Array {
  const differences = new Float32Array(gated.diff.length);
  differencesInto(differences, gated);
  return differences;
}

export function differencesInto(into: Float32Array, { diff, alpha, group }: Gated): void {
  const ofMatrix = group ? gateOf(group[0]!) : 1;
  for (let at = 0; at < diff.length; at++) into[at] = diff[at]! * gateOf(alpha[at]!) * ofMatrix;
}

/** Leaves the largest differences, as many as `density` allows. `sizes` are their absolute values, which this overwrites. */
function keepMarked(differences: readonly Float32Array[], sizes: readonly Float32Array[], density: number): void {
  const all = sizes.reduce((sum, { length }) => sum + length, 0);
  markLargest(sizes, countOf(density, all), sizes);
  for (const [index, values] of differences.entries()) {
    const marks = sizes[index]!;
    for (let at = 0; at < values.length; at++) if (marks[at] === 0) values[at] = 0;
  }
}

/** Leaves the largest differences, and settles every gate. */
export function fixDifferences(host: StepHost, density: number): void {
  const names = host.names("parameter");
  const sites = names.flatMap((name) => (name.endsWith(`.${parts.alpha}`) ? [name.slice(0, -parts.alpha.length)] : []));
  const gated = sites.map((site) => {
    const value = (part: string) => host.values("parameter", site + part);
    const group = names.includes(site + parts.group) ? value(parts.group) : undefined;
    return { diff: value(parts.diff), alpha: value(parts.alpha), group };
  });
  // In place: a copy for each weight would not be in the plan.
  for (const { diff, alpha, group } of gated) {
    const ofMatrix = group ? gateOf(group[0]!) : 1;
    for (let at = 0; at < diff.length; at++) {
      diff[at] = diff[at]! * gateOf(alpha[at]!) * ofMatrix;
      alpha[at] = Math.abs(diff[at]!);
    }
  }
  keepMarked(
    gated.map(({ diff }) => diff),
    gated.map(({ alpha }) => alpha),
    density,
  );
  for (const { diff, alpha, group } of gated) {
    group?.fill(settled);
    for (let at = 0; at < alpha.length; at++) alpha[at] = diff[at] === 0 ? -settled : settled;
  }
}
