/**
 * (IA)³: y = l ⊙ (Wx + b); in the feed-forward y = W(l ⊙ x) + b. l = 1 at first.        Liu et al. 2022, §3.3
 *
 * l is read in F32 also where activations are BF16: near 1 that type has steps of 2⁻⁷, in which small updates would vanish.
 */
import { ia3 as declaration, type Ia3Settings } from "../../contract/methods/ia3.ts";
import { scaleColumns } from "../../ops/scaleColumns/op.ts";
import { defineMethod, type RowRange, type TrainedSite } from "../method.ts";
import { isNamed, isTarget, targetFault, unknownModule } from "../targets.ts";
import { ia3Peft } from "./peft.ts";
import { scaledLayers, scalesInput } from "./placement.ts";

export const ia3 = defineMethod(declaration, {
  describe({ targetModules, feedforwardModules }) {
    const inputs = feedforwardModules.length === 0 ? "" : `, at the input of ${feedforwardModules.join(", ")}`;
    return `(IA)³ on ${targetModules.join(", ")}${inputs}`;
  },
  check(settings, { sites }) {
    const unknown = settings.feedforwardModules.find((name) => !sites.some((site) => isNamed(site, name)));
    if (unknown !== undefined) return unknownModule("feedforwardModules", unknown, sites);
    return targetFault(scaledLayers(settings), sites);
  },
  linear(site, x, base, settings) {
    if (!isTarget(site.name, scaledLayers(settings))) return base(x);
    const atInput = scalesInput(site.name, settings);
    const scale = site.latent("ia3_l", [atInput ? site.in : site.out], { kind: "ones" });
    const scaled = (from: typeof x) => scaleColumns.node(site.here.graph, { x: from, scale }, {}).y;
    return atInput ? base(scaled(x)) : scaled(base(x));
  },
  merge: mergeRows,
  mergeBias(site, bias, settings) {
    if (scalesInput(site.name, settings)) return;
    const scale = site.parameter("ia3_l");
    for (let row = 0; row < bias.length; row++) bias[row]! *= scale[row]!;
  },
  peft: ia3Peft,
});

/** W′ = diag(l)·W, or W·diag(l) where l scales the input. */
function mergeRows(site: TrainedSite, w: Float32Array, { first, last }: RowRange, settings: Ia3Settings): void {
  const scale = site.parameter("ia3_l");
  const atInput = scalesInput(site.name, settings);
  for (let row = first; row < last; row++) {
    const values = w.subarray((row - first) * site.in, (row - first + 1) * site.in);
    for (let column = 0; column < site.in; column++) values[column]! *= scale[atInput ? column : row]!;
  }
}
