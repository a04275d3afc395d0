/**
 * The attention of a model's layers as its builder adds it: the rotation of queries and keys, and attention over segments, over the
 * cache, and behind a prefix.
 */
import type { ModelConfig } from "../contract/model.ts";
import type { Graph } from "../graph/graph.ts";
import type { KeyValuePrefix, Site, SiteRewriter } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Variables } from "../graph/variables.ts";
import { attention } from "../ops/attention/op.ts";
import { attentionCached } from "../ops/attentionCached/op.ts";
import { cacheAppend } from "../ops/cacheAppend/op.ts";
import { prefixAttention } from "../ops/prefixAttention/op.ts";
import { rope } from "../ops/rope/op.ts";
import type { Mode } from "./mode.ts";
import { ropeTable } from "./rope.ts";

export interface RopeOptions {
  /** Sliding layers have angles of their own. */
  readonly local?: boolean | undefined;
  /** x has angles of its own. */
  readonly query?: boolean | undefined;
}

/** q [T, H·D] · k, v [T, G·D] */
interface Projected {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

export interface AttentionParts {
  readonly config: ModelConfig;
  readonly graph: Graph;
  readonly variables: Variables;
  readonly method: SiteRewriter;
  readonly mode: Mode;
  /** Before the names of caches: each pass has its own. */
  readonly pass: string;
  weight(name: string, shape: readonly number[], kind: "dense"): Tensor;
  site(name: string): Site;
  /** Whether the method has put a prompt before the tokens. */
  hasPrompt(): boolean;
}

export class Attentions {
  readonly #parts: AttentionParts;

  constructor(parts: AttentionParts) {
    this.#parts = parts;
  }

  /** x [T, heads·D] */
  rope(x: Tensor, heads: number, layer: number, { local = false, query = false }: RopeOptions): Tensor {
    const { graph, config } = this.#parts;
    const { headDim, rotaryWidth: rotary, noRopeLayers } = config;
    if (noRopeLayers?.includes(layer)) return x;
    const everywhere = query ? this.#angles("queryCos", "querySin") : this.#angles("cos", "sin");
    // As with windows, both are inputs whatever the list of sliding layers.
    const sliding = local ? this.#angles("localCos", "localSin") : everywhere;
    const angles = this.#slides(layer) ? sliding : everywhere;
    return rope.node(graph, { x, ...angles }, { heads, headDim, sign: 1, rotary }).y;
  }

  /** The angles of the tokens' positions; those of a prompt are known. */
  #angles(cos: string, sin: string): { cos: Tensor; sin: Tensor } {
    const { graph, mode, config } = this.#parts;
    const shape = [mode.tokens, config.headDim / 2];
    if (mode.kind !== "prompt") return { cos: graph.input(cos, "F32", shape), sin: graph.input(sin, "F32", shape) };
    const { others, ...usual } = ropeTable(config, mode.tokens);
    // The facts of a plan lack the other tables, and their values do not matter there.
    const values = { cos: others.get(cos) ?? usual.cos, sin: others.get(sin) ?? usual.sin };
    return { cos: graph.constant(cos, "F32", shape, values.cos), sin: graph.constant(sin, "F32", shape, values.sin) };
  }

  /** Keys and values before every segment: the method's own, or those of its prompt. */
  #prefix(name: string, layer: number, width: number): KeyValuePrefix | undefined {
    const { method } = this.#parts;
    const site = this.#parts.site(name);
    const own = method.prefix({ ...site, width });
    if (own || !this.#parts.hasPrompt()) return own;
    const shape = [method.positionOffset, width];
    return {
      keys: site.derived("prompt.keys", shape, "activation", (at) => at.prompt(layer).keys),
      values: site.derived("prompt.values", shape, "activation", (at) => at.prompt(layer).values),
    };
  }

  /** Whether a layer's tokens see the last ones alone. */
  #slides(layer: number): boolean {
    const { slidingWindow, slidingLayers } = this.#parts.config;
    return slidingWindow !== undefined && (slidingLayers?.includes(layer) ?? true);
  }

  /** → [T, H·D]. `hasSinks`: each head has a sink. */
  build(name: string, layer: number, { q, k, v }: Projected, hasSinks: boolean): Tensor {
    const { mode, graph, variables, method, config, pass } = this.#parts;
    const { heads, kvHeads, headDim, slidingWindow, attentionScale, attentionSoftcap: softcap } = config;
    const attributes = { heads, kvHeads, headDim, scale: attentionScale ?? 1 / Math.sqrt(headDim), softcap };
    const width = kvHeads * headDim;
    const sinks = hasSinks ? this.#parts.weight(`${name}.sinks`, [heads], "dense") : undefined;
    if (mode.kind === "prompt") {
      mode.cached.push({ keys: k, values: v });
      const segmentStart = graph.constant("segmentStart", "I32", [mode.tokens], new Int32Array(mode.tokens));
      return attention.node(graph, { q, k, v, segmentStart, sinks }, attributes).o;
    }
    const prefix = this.#prefix(name, layer, width);
    if (mode.kind !== "generate") {
      const start = (input: string) => graph.input(input, "I32", [mode.tokens]);
      const whole = start("segmentStart");
      // Both are inputs wherever there is a window, so that plans do not depend on the list of sliding layers.
      const window = slidingWindow === undefined ? undefined : start("windowStart");
      const segmentStart = window && this.#slides(layer) ? window : whole;
      if (!prefix) return attention.node(graph, { q, k, v, segmentStart, sinks }, attributes).o;
      const operands = { q, k, v, segmentStart, prefixK: prefix.keys, prefixV: prefix.values, sinks };
      return prefixAttention.node(graph, operands, attributes).o;
    }
    const slot = graph.input("slot", "I32", [mode.tokens]);
    const position = graph.input("position", "I32", [mode.tokens]);
    const shape = [mode.slots, mode.capacity + method.positionOffset, width];
    const cacheK = variables.cache(`${pass}cache.${layer}.k`, shape);
    const cacheV = variables.cache(`${pass}cache.${layer}.v`, shape);
    if (prefix) variables.prefixCache(name, prefix, { keys: cacheK, values: cacheV });
    cacheAppend.node(graph, { k, v, slot, position, cacheK, cacheV }, {});
    const cached = { ...attributes, ...(this.#slides(layer) && { window: slidingWindow }) };
    return attentionCached.node(graph, { q, cacheK, cacheV, slot, position, sinks }, cached).o;
  }
}
