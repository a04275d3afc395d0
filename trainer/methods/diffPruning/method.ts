/**
 * Diff pruning: W + δ, δ = z ⊙ w, with a hard-concrete gate z for each element, times one for the whole matrix if `structured`. A
 * penalty on the expected number of open gates closes most; then the largest δ of all layers together stay, and only their
 * values train on.                                                                                Guo et al. 2021, §3
 *
 * Gates are sampled once a step, by seed, step and position; validation and inference use their median. Fixed gates have an α at
 * which they are 0 or 1 whatever the sample, so that the mask is part of the parameters. A finished adapter is δ alone.
 */
import { type DiffPruningSettings, diffPruning as declaration, freeSteps } from "../../contract/methods/diffPruning.ts";
import type { LinearSite } from "../../graph/site.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { hardConcrete } from "../../ops/hardConcrete/op.ts";
import { openGates } from "../../ops/openGates/op.ts";
import { defineMethod, type RowRange, type TrainedSite } from "../method.ts";
import { addDiff, beside, sparseBytes } from "../sparse.ts";
import { isTarget, targetFault } from "../targets.ts";
import { differencesOf, firstAlpha, fixDifferences, parts, stretch } from "./gates.ts";
import { diffPruningPeft } from "./peft.ts";

export const diffPruning = defineMethod(declaration, {
  describe: ({ density, targetModules }) =>
    `diff pruning to ${100 * density} % of the weights of ${targetModules.join(", ")}`,
  check: (settings, { sites }) => targetFault(settings, sites),
  stepsFault({ fixedShare }, steps) {
    if (freeSteps(fixedShare, steps) >= 1) return undefined;
    return `method.diffPruning.fixedShare ${fixedShare} leaves none of the run's ${steps} steps in which the gates train: lower it, or raise training.maxSteps or training.epochs`;
  },
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const shape = [site.out, site.in];
    const diff = site.isTraining
      ? gatedDiff(site, x, settings)
      : site.trainable(parts.diff, shape, { kind: "zeros" }).phi;
    return beside(site, x, diff, base(x));
  },
  async afterStep(host, step, steps, { density, fixedShare }) {
    if (step === freeSteps(fixedShare, steps)) fixDifferences(host, density);
  },
  firstResult: ({ fixedShare }, steps) => freeSteps(fixedShare, steps),
  merge: mergeRows,
  writingBytes: (shapes, { density }) => sparseBytes(shapes, density),
  peft: diffPruningPeft,
});

/** δ in the type of activations, and the penalty on its gates. */
function gatedDiff(
  site: LinearSite,
  x: Tensor,
  { penalty, structured, learningRateRatio }: DiffPruningSettings,
): Tensor {
  const shape = [site.out, site.in];
  const w = site.latent(parts.diff, shape, { kind: "zeros" });
  const gates = { learningRateScale: learningRateRatio, decays: false };
  const start = { kind: "constant", value: firstAlpha } as const;
  const alpha = site.latent(parts.alpha, shape, start, gates);
  const group = structured ? site.latent(parts.group, [1], start, gates) : undefined;
  if (penalty > 0) {
    const shift = Math.log(-stretch.low / stretch.high);
    site.penalty(({ graph }, loss) => openGates.node(graph, { alpha, group, loss }, { shift, weight: penalty }));
  }
  const { graph } = site.here;
  const y = graph.activation("hardConcrete.y", { dtype: x.dtype, shape });
  hardConcrete.into(graph, { w, alpha, group, rngKey: site.rngKey }, { ...stretch, site: site.number }, { y });
  return y;
}

/** W + δ */
function mergeRows(site: TrainedSite, w: Float32Array, rows: RowRange): void {
  if (!site.has(parts.alpha)) {
    addDiff(site, w, rows);
    return;
  }
  const group = site.has(parts.group) ? site.parameter(parts.group) : undefined;
  const [from, to] = [rows.first * site.in, rows.last * site.in];
  const [diff, alpha] = [site.parameter(parts.diff), site.parameter(parts.alpha)];
  const differences = differencesOf({ diff: diff.subarray(from, to), alpha: alpha.subarray(from, to), group });
  for (let at = 0; at < w.length; at++) w[at]! += differences[at]!;
}
