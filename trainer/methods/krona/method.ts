/** KronA: y = Wx + s·(A ⊗ B)x, A = 0 at first.        Edalati et al. 2022, §3.2 */
import { krona as declaration } from "../../contract/methods/krona.ts";
import { kronecker } from "../../ops/kronecker/op.ts";
import { addKronecker, factorOf, shapesOf } from "../lokr/factors.ts";
import { defineMethod } from "../method.ts";
import { isTarget, targetFault } from "../targets.ts";
import { kronaPeft } from "./peft.ts";

export const krona = defineMethod(declaration, {
  describe: ({ scale, targetModules }) => `KronA, scale ${scale}, on ${targetModules.join(", ")}`,
  check: (settings, { sites }) => targetFault(settings, sites),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { w1, w2 } = shapesOf(site, settings.factor);
    const a = factorOf(site, "lokr_w1", w1, { split: undefined, zero: true });
    const b = factorOf(site, "lokr_w2", w2, { split: undefined, zero: false });
    return kronecker.node(site.here.graph, { a, b, x, residual: base(x) }, { scale: settings.scale }).y;
  },
  merge(site, w, rows, { scale, factor }) {
    addKronecker(w, rows, scale, shapesOf(site, factor), site.parameter("lokr_w1"), site.parameter("lokr_w2"));
  },
  peft: kronaPeft,
});
