/**
 * The vocabulary of model files: layers by the checkpoint's names, on symbolic tensors. One model file gives the training
 * step, the evaluation and the generation; the builder handles their differences (attention over segments or over the
 * cache, the head) by its mode. The file is long because it has every layer of every family; attention and mixtures of experts
 * have files of their own.
 */
import { givenNames, placeOf, placesOf, widthOfGiven } from "../contract/givenAdapters.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { Graph } from "../graph/graph.ts";
import {
  type BaseEmbedding,
  type BaseLinear,
  type GivenUpdates,
  type LowRank,
  type Site,
  type SiteRecord,
  type SiteRewriter,
  type Trained,
  trainedRowsName,
} from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import { roundedTo, sumType, widthOf } from "../graph/tensor.ts";
import type { Variables } from "../graph/variables.ts";
import { add } from "../ops/add/op.ts";
import { activations } from "../ops/attributes.ts";
import { cast, castTo } from "../ops/cast/op.ts";
import { clampedGlu } from "../ops/clampedGlu/op.ts";
import { dropout } from "../ops/dropout/op.ts";
import { embed } from "../ops/embed/op.ts";
import { glu } from "../ops/glu/op.ts";
import { linear } from "../ops/linear/op.ts";
import { multiply } from "../ops/multiply/op.ts";
import { noise } from "../ops/noise/op.ts";
import { replaceRows } from "../ops/replaceRows/op.ts";
import { rmsNorm } from "../ops/rmsNorm/op.ts";
import { scaleColumns } from "../ops/scaleColumns/op.ts";
import { sliceColumns } from "../ops/sliceColumns/op.ts";
import { Attentions, type RopeOptions } from "./attentions.ts";
import { type ExpertLayers, type MixtureNames, Mixtures } from "./mixtures.ts";
import type { Mode } from "./mode.ts";

/** Beyond the tensors of dropout, which are numbered from 0. */
const noiseId = -1;

export interface BuilderParts {
  readonly config: ModelConfig;
  readonly graph: Graph;
  readonly variables: Variables;
  readonly method: SiteRewriter;
  readonly mode: Mode;
  /** Noise on embeddings in training (ops/noise); 0: none. */
  readonly noiseAlpha: number;
  /** Whether a training balances the load of the routers. */
  readonly balances: boolean;
  /** The normed states of the pass before this one, which the method reads. Absent: there was none. */
  readonly states?: Tensor | undefined;
}

export interface LinearOptions {
  /** True if the checkpoint has `<name>.bias`. */
  readonly bias?: boolean | undefined;
}

export interface NormOptions {
  readonly width?: number;
  readonly offset?: number;
}

/**
 * Builds a model's graph from its layers; the method may rewrite each of them, and sees them by their tensors' names.
 *
 * @example
 * const h = b.rmsNorm(x, "model.layers.0.post_attention_layernorm");
 * const y = b.linear(b.swiGlu(b.linear(h, gate, width), b.linear(h, up, width)), down, b.config.hiddenSize);
 * const next = b.plus(b.branch("model.layers.0.mlp", x, y), x);
 */
export class ModelBuilder {
  readonly config: ModelConfig;
  readonly graph: Graph;
  readonly mode: Mode;
  readonly sites: SiteRecord[] = [];
  readonly embeddings: SiteRecord[] = [];
  /** The layers that read each input, by block. */
  readonly inputs = new Map<number, Map<Tensor, string[]>>();
  #block: number | undefined;
  readonly mixtures: Mixtures;
  readonly #attentions: Attentions;
  readonly #variables: Variables;
  readonly #method: SiteRewriter;
  readonly #noiseAlpha: number;
  readonly #dropped = new Map<Tensor, Tensor>();
  #hasPrompt = false;
  readonly #context: Tensor | undefined;

  constructor({ config, graph, variables, method, mode, noiseAlpha, balances, states }: BuilderParts) {
    this.config = config;
    this.graph = graph;
    this.mode = mode;
    this.#variables = variables;
    this.#method = method;
    this.#noiseAlpha = noiseAlpha;
    this.mixtures = new Mixtures({
      ...{ config, graph, variables, method, balances: balances && mode.kind === "train" },
      weight: (name, shape, kind) => this.weight(name, shape, kind),
      site: (name, trained) => this.#site(name, trained),
    });
    this.#attentions = new Attentions({
      ...{ config, graph, variables, method, mode },
      pass: method.context && !states ? "first." : "",
      weight: (name, shape, kind) => this.weight(name, shape, kind),
      site: (name) => this.#site(name, []),
      hasPrompt: () => this.#hasPrompt,
    });
    this.#context = states && this.#contextOf(states);
  }

  /** The values that the method computes from the pass before this one. */
  #contextOf(states: Tensor): Tensor | undefined {
    const { givenAdapters, layers } = this.config;
    const site = {
      ...this.#site("classifier", []),
      ranks: givenAdapters?.ranks ?? [],
      places: givenAdapters ? placesOf(givenAdapters, layers) : 0,
      dropout: (t: Tensor, p: number) => this.#dropout(t, p),
    };
    return this.#method.context?.(site, states);
  }

  /** The adapters in the base at a layer. */
  #given(name: string, width: number, out: number): GivenUpdates | undefined {
    const { givenAdapters, layers } = this.config;
    const place = givenAdapters && placeOf(givenAdapters, name);
    if (!givenAdapters || place === undefined) return undefined;
    const [names, rank] = [givenNames(name), widthOfGiven(givenAdapters)];
    return {
      a: this.#variables.weight(names.a, [rank, width], "given"),
      b: this.#variables.weight(names.b, [out, rank], "given"),
      ranks: givenAdapters.ranks,
      place,
      places: placesOf(givenAdapters, layers),
    };
  }

  /** Every node that `build` adds belongs to the repeated block of this number. */
  block<T>(index: number, build: () => T): T {
    this.#block = index;
    return this.graph.within({ block: index }, build);
  }

  /** A tensor of the checkpoint: a parameter if the method trains it, frozen otherwise. */
  weight(name: string, shape: readonly number[], kind: "dense" | "linear"): Tensor {
    return this.#method.trains(name)
      ? this.#variables.parameter(name, shape, { kind: "base" }).phi
      : this.#variables.weight(name, shape, kind);
  }

  /** An embedding or a head: the base's matrix, or the same with rows that the method trains. [V, d] */
  table(name: string, rows: number, width: number): Tensor {
    const x = this.weight(name, [rows, width], "dense");
    const trained = this.#method.trainedRows(name);
    if (trained.length === 0) return x;
    const shape = [rows, width] as const;
    const site = this.#site(name.replace(/\.weight$/, ""), []);
    const own = [trained.length, width];
    const theta = site.latent(trainedRowsName, own, { kind: "rows", rows: trained, weight: name, shape });
    return site.derived("token_adapter.weight", shape, "activation", ({ graph, read }) => {
      const index = graph.constant(`${name}.rows`, "I32", [trained.length], Int32Array.from(trained));
      const values = read(theta);
      const y = graph.activation("replaceRows.y", { dtype: values.dtype, shape });
      replaceRows.into(graph, { x, rows: values, index }, {}, { y });
      return y;
    });
  }

  /**
   * A site that the method may rewrite. `name` is its tensor's. [tokens, d]
   * `factor`: of the tokens' embeddings; those of a prompt are used as they are, as in transformers.
   */
  embed(name: string, rows: number, width: number, factor = 1): Tensor {
    const { mode } = this;
    if (mode.kind === "prompt") return mode.embeddings;
    const ids = this.graph.input("ids", "I32", [mode.tokens]);
    const trained: string[] = [];
    const base: BaseEmbedding = (beside) => {
      const residual = this.#rowsOf("embed.y", ids, this.table(name, rows, width));
      if (!beside) return residual;
      const x = this.#rowsOf("embed.a", ids, beside.a);
      return linear.node(this.graph, { x, w: beside.b, residual }, { tailScale: 1 }).y;
    };
    const layer = name.replace(/\.weight$/, "");
    const site = { ...this.#site(layer, trained), vocabulary: rows, width, factor };
    const y = this.#method.embedding(site, base);
    const prompt = this.#method.prompt(site);
    if (prompt) this.#variables.prompt = prompt;
    this.#hasPrompt = prompt !== undefined;
    this.embeddings.push({ name: layer, in: rows, out: width, trained, fused: true });
    return factor === 1 ? y : this.scaleInType(y, factor);
  }

  #rowsOf(name: string, ids: Tensor, weight: Tensor): Tensor {
    const shape = [this.mode.tokens, widthOf(weight)];
    const y = this.graph.activation(name, { dtype: this.#variables.activationType, shape });
    embed.into(this.graph, { ids, weight }, {}, { y });
    return y;
  }

  /** The norm of whole rows, or of each group of `width` columns; `offset` is added to the weight. */
  rmsNorm(x: Tensor, name: string, { width = widthOf(x), offset = 0 }: NormOptions = {}): Tensor {
    const weight = this.weight(`${name}.weight`, [width], "dense");
    return rmsNorm.node(this.graph, { x, weight }, { eps: this.config.rmsNormEps, offset }).y;
  }

  /** a + b [T, d] */
  add(a: Tensor, b: Tensor): Tensor {
    return add.node(this.graph, { a, b }, {}).y;
  }

  /** factor · x */
  scale(x: Tensor, factor: number): Tensor {
    const y = this.graph.activation("scale.y", x);
    cast.into(this.graph, { x }, { scale: factor }, { y });
    return y;
  }

  /** factor · x, the factor rounded to the type of activations, as a product of two tensors has it. */
  scaleInType(x: Tensor, factor: number): Tensor {
    return this.scale(x, roundedTo(x.dtype, factor));
  }

  /** The parts of x, of these widths, from left to right. */
  split(x: Tensor, widths: readonly number[]): Tensor[] {
    const ends = widths.map((_, i) => widths.slice(0, i + 1).reduce((sum, width) => sum + width, 0));
    return widths.map((width, i) => {
      const slice = { before: ends[i]! - width, width, after: widthOf(x) - ends[i]! };
      return sliceColumns.node(this.graph, { x }, slice).y;
    });
  }

  /** A site that the method may rewrite. x [T, in] → [T, out] */
  linear(x: Tensor, name: string, out: number, { bias }: LinearOptions = {}): Tensor {
    const trained: string[] = [];
    let fused = true;
    const width = widthOf(x);
    const weight = () => this.weight(`${name}.weight`, [out, width], "linear");
    const base: BaseLinear = (from, { lowRank, columnScale } = {}) => {
      fused = trained.length === 0 || lowRank !== undefined || columnScale !== undefined;
      const w = weight();
      const offset = bias ? this.weight(`${name}.bias`, [out], "dense") : undefined;
      const tailX = lowRank && this.#lowered(lowRank);
      const operands = { x: from, w, tailX, tailW: lowRank?.b };
      if (!columnScale) return linear.node(this.graph, { ...operands, bias: offset }, { tailScale: 1 }).y;
      const product = linear.node(this.graph, operands, { tailScale: 1 }).y;
      return scaleColumns.node(this.graph, { x: product, scale: columnScale, bias: offset }, {}).y;
    };
    const rngKey = () => (this.mode.kind === "train" ? this.#rngKey() : undefined);
    const site = {
      ...this.#site(name, trained),
      in: width,
      out,
      weight,
      subtractProduct: (a: Trained, b: Trained, scale: number) =>
        this.#variables.subtractProduct(`${name}.weight`, a.theta, b.theta, scale),
      dropout: (t: Tensor, p: number) => this.#dropout(t, p),
      number: this.sites.length,
      isTraining: this.#variables.isTraining,
      get rngKey() {
        return rngKey();
      },
      given: () => this.#given(name, width, out),
      context: this.#context,
    };
    this.#noteInput(name, x);
    const y = this.#method.linear(site, x, base);
    this.sites.push({ name, in: width, out, trained, fused });
    return y;
  }

  /**
   * The experts that the router chooses for each token, by its weights. `expert` builds an expert of its layers, on the rows of
   * its tokens. `bias`: router and experts have biases. x [T, d] → [T, d]
   */
  mixture(
    x: Tensor,
    names: MixtureNames,
    expert: (layers: ExpertLayers, rows: Tensor) => Tensor,
    { bias }: LinearOptions = {},
  ): Tensor {
    return this.mixtures.build(x, names, expert, bias ?? false);
  }

  /**
   * The output of a block's branch, which the method may change. `input` is the state that it is to be added to.
   * `norm`: the norm of a sum of both, in families that norm the ends of their branches.
   */
  branch(name: string, input: Tensor, output: Tensor, norm: (sum: Tensor) => Tensor = (sum) => sum): Tensor {
    const site = {
      ...this.#site(name, []),
      width: widthOf(input),
      dropout: (t: Tensor, p: number) => this.#dropout(t, p),
    };
    return this.#method.branch(site, { output, input, sum: () => norm(this.add(output, input)) });
  }

  #noteInput(name: string, x: Tensor): void {
    if (this.#block === undefined) return;
    const inputs = this.inputs.get(this.#block) ?? new Map<Tensor, string[]>();
    this.inputs.set(this.#block, inputs.set(x, [...(inputs.get(x) ?? []), name]));
  }

  /** (from·Aᵀ) ⊙ scale */
  #lowered({ from, a, scale }: LowRank): Tensor {
    const x = linear.node(this.graph, { x: from, w: a }, { tailScale: 1 }).y;
    if (scale?.shape.length === 2) return multiply.node(this.graph, { a: x, b: scale }, {}).y;
    return scale ? scaleColumns.node(this.graph, { x, scale }, {}).y : x;
  }

  /** y + residual, fused into the op that made y if possible, else as an op of its own. */
  plus(y: Tensor, residual: Tensor): Tensor {
    if (this.graph.absorb(y, "residual", residual)) return y;
    return add.node(this.graph, { a: y, b: residual }, {}).y;
  }

  /** `trained` receives the names of the parameters. */
  #site(name: string, trained: string[]): Site {
    const own = (part: string) => `${name}.${part}`;
    const variables = this.#variables;
    const { graph } = this;
    const types = {
      sum: sumType({ dtype: variables.activationType, shape: [] }),
      activation: variables.activationType,
    };
    let penalties = 0;
    let observations = 0;
    return {
      name,
      trainable(parameter, shape, initial, options) {
        trained.push(parameter);
        return variables.parameter(own(parameter), shape, initial, options);
      },
      latent(parameter, shape, initial, options) {
        trained.push(parameter);
        return variables.latent(own(parameter), shape, initial, options).theta;
      },
      shared(parameter, shape, initial, options) {
        trained.push(parameter);
        return variables.latent(parameter, shape, initial, options).theta;
      },
      here: { graph, read: (theta) => castTo(graph, theta, types.sum) },
      derived: (part, shape, dtype, build) => variables.derived(own(part), shape, types[dtype], build),
      penalty: (build) => variables.penalise(own(`penalty.${penalties++}`), build),
      state: (part, shape) => variables.keep(own(part), shape),
      observe: (build) => variables.observe(own(`observe.${observations++}`), build),
    };
  }

  /** x with noise, in training alone. x [tokens, d], one row per token */
  noisy(x: Tensor): Tensor {
    const { graph, mode } = this;
    if (this.#noiseAlpha === 0 || mode.kind !== "train") return x;
    const length = graph.input("length", "I32", [mode.tokens]);
    return noise.node(graph, { x, length, ...this.#keys(mode.tokens) }, { alpha: this.#noiseAlpha, tensorId: noiseId })
      .y;
  }

  /** The key of random numbers, apart from the tensor and the column. */
  #keys(tokens: number): { rowKey: Tensor; rngKey: Tensor } {
    return { rowKey: this.graph.input("rowKey", "U32", [tokens, 2]), rngKey: this.#rngKey() };
  }

  #rngKey(): Tensor {
    return this.graph.input("rngKey", "U32", [2]);
  }

  #dropout(x: Tensor, p: number): Tensor {
    if (p === 0 || this.mode.kind !== "train") return x;
    const known = this.#dropped.get(x);
    if (known) return known;
    const { y } = dropout.node(this.graph, { x, ...this.#keys(this.mode.tokens) }, { p, tensorId: this.#dropped.size });
    this.#dropped.set(x, y);
    return y;
  }

  /**
   * Rotates each head by the token's position, unless the layer has no rotary embedding. x [T, heads·D]
   * `local`: sliding layers have angles of their own · `query`: x has angles of its own.
   */
  rope(x: Tensor, heads: number, layer: number, options: RopeOptions = {}): Tensor {
    return this.#attentions.rope(x, heads, layer, options);
  }

  /**
   * Causal attention inside a segment or its window, or over the cache when generating. q [T, H·D] · k, v [T, G·D] → [T, H·D]
   * `name`: of the layer's attention, which may have a sink for each head.
   */
  attention(name: string, layer: number, q: Tensor, k: Tensor, v: Tensor, { sinks = false } = {}): Tensor {
    return this.#attentions.build(name, layer, { q, k, v }, sinks);
  }

  /** silu(gate) · up */
  swiGlu(gate: Tensor, up: Tensor): Tensor {
    return glu.node(this.graph, { gate, up }, { activation: activations.silu }).y;
  }

  /** gpt-oss's unit on the alternating columns of gate and up. [T, 2f] → [T, f] */
  clampedGlu(x: Tensor): Tensor {
    // The facts of a plan lack the numbers, which do not matter there.
    return clampedGlu.node(this.graph, { x }, this.config.clampedUnit ?? { alpha: 1, limit: 1 }).y;
  }

  /** gelu(gate) · up, GELU by its tanh formula */
  geGlu(gate: Tensor, up: Tensor): Tensor {
    return glu.node(this.graph, { gate, up }, { activation: activations.geluTanh }).y;
  }
}
