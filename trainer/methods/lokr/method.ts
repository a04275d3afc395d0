/**
 * LoKr: y = Wx + s·(w1 ⊗ w2)x, s = α/r, w1 = 0 at first; a factor that is large is a product of rank r.
 *                                                                                Yeh et al. 2024 (LyCORIS), §3.3
 * The Kronecker product is applied block by block and never formed.
 */
import { lokr as declaration, type LokrSettings } from "../../contract/methods/lokr.ts";
import { kronecker } from "../../ops/kronecker/op.ts";
import { defineMethod } from "../method.ts";
import { isTarget } from "../targets.ts";
import { asLora, linearOnly, updateFault, updateOf } from "../update.ts";
import { addKronecker, factorOf, factorValues, isSplit, type Shapes, shapesOf } from "./factors.ts";
import { lokrPeft } from "./peft.ts";

export const lokr = defineMethod(declaration, {
  describe: ({ rank, alpha, targetModules }) => `LoKr, rank ${rank}, alpha ${alpha}, on ${targetModules.join(", ")}`,
  check: (settings, { sites }) => updateFault(asLora(settings), linearOnly(asLora(settings), sites)),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const shapes = shapesOf(site, settings.factor);
    const { scale, w1, w2 } = splitsOf(site.name, shapes, settings);
    const a = factorOf(site, "lokr_w1", shapes.w1, { split: w1, zero: true });
    const b = factorOf(site, "lokr_w2", shapes.w2, { split: w2, zero: false });
    return kronecker.node(site.here.graph, { a, b, x, residual: base(x) }, { scale }).y;
  },
  merge(site, w, rows, settings) {
    const shapes = shapesOf(site, settings.factor);
    const { scale, w1, w2 } = splitsOf(site.name, shapes, settings);
    const [a, b] = [factorValues(site, "lokr_w1", shapes.w1, w1), factorValues(site, "lokr_w2", shapes.w2, w2)];
    addKronecker(w, rows, scale, shapes, a, b);
  },
  peft: lokrPeft,
});

/** The ranks of factors that are products, and s. */
function splitsOf(name: string, shapes: Shapes, settings: LokrSettings) {
  const { rank, scale } = updateOf(name, asLora(settings));
  return {
    scale,
    w1: settings.decomposeBoth && isSplit(rank, shapes.w1) ? rank : undefined,
    w2: isSplit(rank, shapes.w2) ? rank : undefined,
  };
}
