/**
 * AdaLoRA: y = Wx + s·B((Ax) ⊙ E), s = α/(r + 1e-5), initially E = 0 and A, B ~ N(0, 0.02). A penalty keeps A's rows
 * and B's columns orthonormal, and the least important triplets lose their E.        Zhang et al. 2023
 *
 * The program `observe` smooths the importance of every weight; the host selects the kept triplets (`allocation.ts`). The
 * reported loss covers the tokens only, without the penalty.
 */
import { type AdaloraSettings, adalora as declaration } from "../../contract/methods/adalora.ts";
import type { LinearSite, Trained } from "../../graph/site.ts";
import { importance } from "../../ops/importance/op.ts";
import { orthogonality } from "../../ops/orthogonality/op.ts";
import { addScaledProduct } from "../lowRank.ts";
import { defineMethod, type RowRange, type TrainedSite } from "../method.ts";
import { isTarget, targetFault } from "../targets.ts";
import { allocate } from "./allocation.ts";
import { adaloraPeft } from "./peft.ts";

export const adalora = defineMethod(declaration, {
  describe({ initialRank, targetRank, alpha, dropout, targetModules }) {
    const ranks = `rank ${initialRank} falling to a mean of ${targetRank}`;
    return `AdaLoRA, ${ranks}, alpha ${alpha}, dropout ${dropout}, on ${targetModules.join(", ")}`;
  },
  check: (settings, { sites }) => targetFault(settings, sites),
  stepsFault({ initialSteps, finalSteps }, steps) {
    if (initialSteps + finalSteps < steps) return undefined;
    const both = `method.adalora.initialSteps ${initialSteps} and finalSteps ${finalSteps}`;
    return `${both} leave none of the run's ${steps} steps in which ranks fall to targetRank: lower them, or raise training.maxSteps or training.epochs`;
  },
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { in: width, out } = site;
    const rank = settings.initialRank;
    const start = { kind: "normal", deviation: 0.02 } as const;
    const a = site.trainable("lora_A", [rank, width], start);
    const b = site.trainable("lora_B", [out, rank], start, { scale: scaleOf(settings) });
    // PEFT stores E as a column, so weight decay applies to it as to any matrix.
    const e = site.trainable("lora_E", [rank], { kind: "zeros" }, { decays: true });
    if (settings.orthogonality > 0) keepOrthonormal(site, a, b, settings);
    for (const trained of [a, b, e]) observeImportance(site, trained, settings);
    site.state("kept", [rank]);
    const from = site.dropout(x, settings.dropout);
    return base(x, { lowRank: { from, a: a.phi, scale: e.phi, b: b.phi } });
  },
  afterStep: allocate,
  merge: mergeRows,
  lowRank(site, settings) {
    if (!site.has("lora_A")) return undefined;
    const rank = site.parameter("lora_E").length;
    return { a: scaledA(site), b: site.parameter("lora_B"), rank, scale: scaleOf(settings) };
  },
  peft: adaloraPeft,
});

/** The small constant comes from PEFT. */
const scaleOf = ({ alpha, initialRank }: AdaloraSettings): number => alpha / (initialRank + 1e-5);

function keepOrthonormal(site: LinearSite, a: Trained, b: Trained, { orthogonality: weight }: AdaloraSettings): void {
  for (const [{ theta }, columns] of [[a, 0] as const, [b, 1] as const]) {
    site.penalty(({ graph }, loss, count) => {
      orthogonality.node(graph, { x: theta, loss }, { columns, weight: weight / count });
    });
  }
}

function observeImportance(site: LinearSite, { theta }: Trained, { beta1, beta2 }: AdaloraSettings): void {
  const part = theta.name.slice(site.name.length + 1);
  const sensitivity = site.state(`${part}.sensitivity`, theta.shape);
  const uncertainty = site.state(`${part}.uncertainty`, theta.shape);
  const attributes = { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 };
  site.observe((graph, updated) => {
    const { gradient, clipFactor } = updated(theta);
    importance.node(graph, { theta, grad: gradient, factor: clipFactor, sensitivity, uncertainty }, attributes);
  });
}

/** W′ = W + s·B·diag(E)·A. */
function mergeRows(site: TrainedSite, w: Float32Array, rows: RowRange, settings: AdaloraSettings): void {
  addScaledProduct(w, rows, scaleOf(settings), scaledA(site), site.parameter("lora_B"));
}

/** diag(E)·A. */
function scaledA(site: Pick<TrainedSite, "parameter">): Float32Array {
  const [a, e] = [site.parameter("lora_A"), site.parameter("lora_E")];
  const width = a.length / e.length;
  return a.map((value, index) => value * (e[Math.floor(index / width)] ?? 0));
}
