/**
 * X-LoRA: the model runs twice. A classifier reads each token's states after the first pass, of the base alone, and gives the
 * scales with which the second pass mixes frozen LoRA adapters: y = Wx + g·Σₑ sₑ·Bₑ(Aₑx), s = softmax(C(h)/τ).
 *                                                                          Buehler and Buehler 2024, §2; PEFT's variant
 *
 * The adapters lie beside each other, so that their sum is one product: y = Wx + B((Ax) ⊙ S), S the scale of each rank.
 */
import { xlora as declaration, type XloraSettings } from "../../contract/methods/xlora.ts";
import type { NodeBuilder } from "../../graph/op.ts";
import type { ContextSite } from "../../graph/site.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { cast } from "../../ops/cast/op.ts";
import { embed } from "../../ops/embed/op.ts";
import { linear } from "../../ops/linear/op.ts";
import { mixExperts } from "../../ops/mixExperts/op.ts";
import { relu } from "../../ops/relu/op.ts";
import { route } from "../../ops/route/op.ts";
import { sliceColumns } from "../../ops/sliceColumns/op.ts";
import { defineMethod } from "../method.ts";
import { classifierLayers, xloraPeft } from "./peft.ts";

export const xlora = defineMethod(declaration, {
  describe({ adapters, layerwise, classifierDepth, topK }) {
    const chosen = topK === undefined ? "all" : String(topK);
    const where = layerwise ? "for each layer" : "for all layers together";
    return `X-LoRA of ${adapters.length} adapters, ${chosen} for each token, scaled ${where} by a classifier of depth ${classifierDepth}`;
  },
  check({ adapters }, { model }) {
    if (model.wrapped)
      return "method.xlora cannot train the language model of a model with pictures, since no program would load its adapters there: save the language model by itself, as a merged export is, or set method.lora";
    const count = model.givenAdapters?.ranks.length ?? 0;
    if (count > 0 && count === adapters.length) return undefined;
    return `method.xlora.adapters lists ${adapters.length} adapters, and the base has ${count}: prepare the inputs again`;
  },
  linear(site, x, base, settings) {
    const given = site.given();
    if (!given) return base(x);
    const { graph } = site.here;
    const lowRank = (scale: Tensor) => base(x, { lowRank: { from: x, a: given.a, scale, b: given.b } });
    const { context } = site;
    if (!context) {
      const same = settings.firstPassScale * settings.scale;
      if (same === 0) return base(x);
      const width = widthOf(given.b);
      return lowRank(graph.constant("xlora.first", "F32", [width], new Float32Array(width).fill(same)));
    }
    return lowRank(settings.layerwise ? rankScales(graph, partOf(graph, context, given), given, settings) : context);
  },
  context(site, states, settings) {
    const logits = classified(site, states, settings);
    return settings.layerwise ? logits : rankScales(site.here.graph, logits, site, settings);
  },
  peft: xloraPeft,
});

/** The classifier's outputs. [T, adapters], with scales for each layer [T, layers · adapters] */
function classified(site: ContextSite, states: Tensor, settings: XloraSettings): Tensor {
  const { graph } = site.here;
  const { classifierDropout = 0, classifierWidth = 0, layerwise, temperature } = settings;
  const names = classifierLayers(settings);
  const outputs = site.ranks.length * (layerwise ? site.places : 1);
  const logits = names.reduce((from: Tensor, name, index) => {
    const [width, out] = [widthOf(from), index === names.length - 1 ? outputs : classifierWidth];
    const start = { kind: "kaimingUniform", a: Math.sqrt(5), fanIn: width } as const;
    const w = site.trainable(`${name}.weight`, [out, width], start).phi;
    const bias = site.trainable(`${name}.bias`, [out], start).phi;
    const { y } = linear.node(graph, { x: from, w, bias }, { tailScale: 1 });
    return index === names.length - 1 ? y : site.dropout(relu.node(graph, { x: y }, {}).y, classifierDropout);
  }, states);
  if (temperature === 1) return logits;
  const y = graph.activation("xlora.logits", logits);
  cast.into(graph, { x: logits }, { scale: 1 / temperature }, { y });
  return y;
}

/** The outputs for one layer. */
function partOf(
  graph: NodeBuilder,
  x: Tensor,
  { ranks, place, places }: { ranks: readonly number[]; place: number; places: number },
) {
  const width = ranks.length;
  return sliceColumns.node(graph, { x }, { before: place * width, width, after: (places - place - 1) * width }).y;
}

/** The scale of each rank: that of its adapter. logits [T, adapters] → [T, ranks] */
function rankScales(
  graph: NodeBuilder,
  logits: Tensor,
  { ranks }: { readonly ranks: readonly number[] },
  { topK = ranks.length, normalization, scale }: XloraSettings,
): Tensor {
  const { weights, expert } = route.node(graph, { logits }, { topK, normalized: normalization === "Chosen" ? 1 : 0 });
  const count = rowsOf(logits) * topK;
  const rows = ranks.flatMap((_, adapter) =>
    ranks.flatMap((rank, owner) => Array<number>(rank).fill(owner === adapter ? scale : 0)),
  );
  const width = rows.length / ranks.length;
  const table = graph.constant("xlora.ranks", "F32", [ranks.length, width], Float32Array.from(rows));
  const y = graph.activation("xlora.chosen", { dtype: logits.dtype, shape: [count, width] });
  embed.into(graph, { ids: expert, weight: table }, {}, { y });
  const order = graph.constant(
    "xlora.order",
    "I32",
    [count],
    Int32Array.from({ length: count }, (_, index) => index),
  );
  return mixExperts.node(graph, { y, order, place: order, weights }, { topK }).z;
}
