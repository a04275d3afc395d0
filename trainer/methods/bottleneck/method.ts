/**
 * Bottleneck adapters: at the end of a branch h of a block with state x, h′ = h + s·(U·act(D·i + b) + c).
 *
 *   i = h       Houlsby et al. 2019, §2.1, behind attention and feed-forward
 *   i = x + h   Pfeiffer et al. 2021 (AdapterFusion), §2.2, behind the feed-forward
 *   i = x       He et al. 2022 (parallel adapter), §3.2
 *
 * D, U ~ N(0, 0.02²), as in AdapterHub, so that h′ starts near h; in the parallel adapter U = 0.
 */
import { type BottleneckSettings, bottleneck as declaration } from "../../contract/methods/bottleneck.ts";
import type { NodeBuilder } from "../../graph/op.ts";
import type { BranchEnd, BranchSite } from "../../graph/site.ts";
import type { Initial, Tensor } from "../../graph/tensor.ts";
import { add } from "../../ops/add/op.ts";
import { activations } from "../../ops/attributes.ts";
import { fill } from "../../ops/fill/op.ts";
import { glu } from "../../ops/glu/op.ts";
import { linear } from "../../ops/linear/op.ts";
import { relu } from "../../ops/relu/op.ts";
import { defineMethod } from "../method.ts";
import { bottleneckPeft, parts } from "./peft.ts";
import { innerWidth, isAdapted, layersFault } from "./placement.ts";

export const bottleneck = defineMethod(declaration, {
  describe({ design, branches, reductionFactor, nonlinearity }) {
    const places = { Attention: "attention", FeedForward: "feed-forward" };
    const where = branches.map((branch) => places[branch]).join(" and ");
    return `${design} adapters behind ${where}, reduction factor ${reductionFactor}, ${nonlinearity}`;
  },
  check: (settings, { model }) => layersFault(settings, model.layers),
  branch(site, end, settings) {
    if (!isAdapted(site.name, settings)) return end.output;
    const { graph } = site.here;
    const { down, up } = layersOf(site, settings);
    const inner = linear.node(graph, { x: inputOf(end, settings), ...down }, { tailScale: 1 }).y;
    const last = { x: activated(graph, inner, settings), ...up };
    if (settings.dropout === 0) return linear.node(graph, { ...last, residual: end.output }, { tailScale: 1 }).y;
    const { y } = linear.node(graph, last, { tailScale: 1 });
    return add.node(graph, { a: end.output, b: site.dropout(y, settings.dropout) }, {}).y;
  },
  peft: bottleneckPeft,
});

function inputOf({ output, input, sum }: BranchEnd, { design }: BottleneckSettings): Tensor {
  switch (design) {
    case "Houlsby":
      return output;
    case "Pfeiffer":
      return sum();
    case "Parallel":
      return input;
  }
}

/** The two layers' parameters; the scale is part of the second. */
function layersOf(site: BranchSite, settings: BottleneckSettings) {
  const { width } = site;
  const inner = innerWidth(width, settings);
  const normal: Initial = { kind: "normal", deviation: 0.02 };
  const start: Record<keyof typeof parts, Initial> =
    settings.design === "Parallel"
      ? { down: { kind: "kaimingUniform", a: Math.sqrt(5) }, up: { kind: "zeros" } }
      : { down: normal, up: normal };
  const layer = (part: keyof typeof parts, out: number, from: number, scale: number) => ({
    w: site.trainable(`${parts[part]}.weight`, [out, from], start[part], { scale }).phi,
    bias: site.trainable(`${parts[part]}.bias`, [out], { kind: "zeros" }, { scale }).phi,
  });
  return { down: layer("down", inner, width, 1), up: layer("up", width, inner, settings.scale) };
}

/** SiLU and GELU are gated units whose other factor is 1. */
function activated(graph: NodeBuilder, x: Tensor, { nonlinearity }: BottleneckSettings): Tensor {
  if (nonlinearity === "ReLU") return relu.node(graph, { x }, {}).y;
  const up = graph.activation("ones", x);
  fill.into(graph, {}, { value: 1 }, { y: up });
  const activation = { SiLU: activations.silu, GELU: activations.geluTanh }[nonlinearity];
  return glu.node(graph, { gate: x, up }, { activation }).y;
}
