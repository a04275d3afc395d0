/**
 * LoHa: y = Wx + s·((w1a·w1b) ⊙ (w2a·w2b))x, s = α/r, w2b = 0 at first.        Hyeon-Woo et al. 2022 (FedPara), prop. 1
 *
 * The product of the two updates is A·B of rank r², A's columns the products of theirs and B's rows too, so that no matrix of
 * W's size is formed. A and B are derived once a step. w1a and w2a are kept transposed, [r, out].
 */
import { loha as declaration, type LohaSettings } from "../../contract/methods/loha.ts";
import type { LinearSite } from "../../graph/site.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { castTo } from "../../ops/cast/op.ts";
import { columnProducts } from "../../ops/columnProducts/op.ts";
import { linear } from "../../ops/linear/op.ts";
import { linearInput } from "../../ops/linearInput/op.ts";
import { defineMethod, type RowRange, type TrainedSite } from "../method.ts";
import { isTarget } from "../targets.ts";
import { asLora, linearOnly, updateFault, updateOf } from "../update.ts";
import { lohaPeft } from "./peft.ts";

export const loha = defineMethod(declaration, {
  describe: ({ rank, alpha, targetModules }) => `LoHa, rank ${rank}, alpha ${alpha}, on ${targetModules.join(", ")}`,
  check: (settings, { sites }) => updateFault(asLora(settings), linearOnly(asLora(settings), sites)),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { a, b } = productsOf(site, settings);
    const { graph } = site.here;
    const inner = linear.node(graph, { x, w: b }, { tailScale: 1 }).y;
    return linearInput.node(graph, { dy: inner, w: a, add: base(x) }, { tailScale: 1 }).dx;
  },
  merge: mergeRows,
  peft: lohaPeft,
});

/** s·Aᵀ [r², out] and B [r², in] of a layer. */
function productsOf(site: LinearSite, settings: LohaSettings): { a: Tensor; b: Tensor } {
  const { rank, scale } = updateOf(site.name, asLora(settings));
  const kaiming = (fanIn: number) => ({ kind: "kaimingUniform", a: Math.sqrt(5), fanIn }) as const;
  const factor = (name: string, width: number, start: Parameters<typeof site.latent>[2]) =>
    site.latent(name, [rank, width], start);
  const [a1, a2] = [factor("hada_w1_a", site.out, kaiming(rank)), factor("hada_w2_a", site.out, kaiming(rank))];
  const [b1, b2] = [factor("hada_w1_b", site.in, kaiming(site.in)), factor("hada_w2_b", site.in, { kind: "zeros" })];
  const products = (name: string, [first, second]: readonly [Tensor, Tensor], width: number, times: number) =>
    site.derived(name, [rank * rank, width], "activation", ({ graph, read }) => {
      const { y } = columnProducts.node(graph, { a: read(first), b: read(second) }, {});
      return castTo(graph, y, y.dtype, times);
    });
  return { a: products("a", [a1, a2], site.out, scale), b: products("b", [b1, b2], site.in, 1) };
}

/** W′ = W + s·(w1a·w1b) ⊙ (w2a·w2b). */
function mergeRows(site: TrainedSite, w: Float32Array, { first, last }: RowRange, settings: LohaSettings): void {
  const { rank, scale } = updateOf(site.name, asLora(settings));
  const [a1, a2] = [site.parameter("hada_w1_a"), site.parameter("hada_w2_a")];
  const [b1, b2] = [site.parameter("hada_w1_b"), site.parameter("hada_w2_b")];
  for (let row = first; row < last; row++) {
    for (let column = 0; column < site.in; column++) {
      let [one, two] = [0, 0];
      for (let k = 0; k < rank; k++) {
        one += a1[k * site.out + row]! * b1[k * site.in + column]!;
        two += a2[k * site.out + row]! * b2[k * site.in + column]!;
      }
      w[(row - first) * site.in + column]! += scale * one * two;
    }
  }
}
