/**
 * FISH Mask: W + ΔW, where ΔW trains only at the elements of W with the most empirical Fisher information, the mean of
 * (∂ log p(y|x) / ∂W)² over examples; the others stay as they are.                            Sung et al. 2021, §3
 *
 * The whole ΔW is a parameter, as in the authors' code; a mask multiplies its gradient. Weight decay pulls W + ΔW towards W.
 */
import { fishMask as declaration, type FishMaskSettings } from "../../contract/methods/fishMask.ts";
import type { SetupHost } from "../../graph/site.ts";
import { add } from "../../ops/add/op.ts";
import { multiply } from "../../ops/multiply/op.ts";
import { countOf, markLargest } from "../largest.ts";
import { defineMethod } from "../method.ts";
import { addDiff, beside, sparseBytes } from "../sparse.ts";
import { isTarget, targetFault } from "../targets.ts";
import { fishMaskPeft } from "./peft.ts";

export const fishMask = defineMethod(declaration, {
  describe: ({ density, samples, targetModules }) =>
    `FISH Mask, ${100 * density} % of the weights of ${targetModules.join(", ")}, chosen by ${samples} examples`,
  check: (settings, { sites }) => targetFault(settings, sites),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    // The information of each element, and after `setup` 1 where it trains.
    const mask = site.state("mask", [site.out, site.in]);
    const { theta, phi } = site.trainable("diff", [site.out, site.in], { kind: "zeros" }, { gradientMask: mask });
    site.observe((graph, updated) => {
      const { gradient } = updated(theta);
      const square = multiply.node(graph, { a: gradient, b: gradient }, {}).y;
      add.into(graph, { a: mask, b: square }, {}, { y: mask });
    });
    return beside(site, x, phi, base(x));
  },
  setup: chooseWeights,
  merge: addDiff,
  writingBytes: (shapes, { density }) => sparseBytes(shapes, density),
  peft: fishMaskPeft,
});

async function chooseWeights(host: SetupHost, { density, samples }: FishMaskSettings): Promise<void> {
  for (let example = 0; example < Math.min(samples, host.examples); example++) {
    await host.differentiate(example);
    await host.observe();
  }
  const masks = host.names("method").map((name) => host.values("method", name));
  const all = masks.reduce((sum, { length }) => sum + length, 0);
  markLargest(masks, countOf(density, all), masks);
}
