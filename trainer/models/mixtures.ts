/** The experts of a model's layers as its builder adds them: router, matrices, and what a method has beside them. */
import type { ModelConfig } from "../contract/model.ts";
import type { Graph } from "../graph/graph.ts";
import type { Site, SiteRecord, SiteRewriter, Trained } from "../graph/site.ts";
import { grouped, rowsOf, type Tensor, widthOf } from "../graph/tensor.ts";
import type { Variables } from "../graph/variables.ts";
import { expertLinear } from "../ops/expertLinear/op.ts";
import { gatherExperts } from "../ops/gatherExperts/op.ts";
import { linear } from "../ops/linear/op.ts";
import { mixExperts } from "../ops/mixExperts/op.ts";
import { route } from "../ops/route/op.ts";
import { routerLoad } from "../ops/routerLoad/op.ts";

/** The names of a mixture's layers. */
export interface MixtureNames {
  readonly router: string;
  readonly experts: string;
}

/**
 * Linear layers of each expert that read the rows of its tokens. `parameter`: transformers' name of what holds their matrices, one
 * above the other; `out`: the width of each. → the output of each
 */
export type ExpertLayers = (
  from: Tensor,
  parameter: string,
  out: number,
  matrices: readonly string[],
) => readonly Tensor[];

export interface MixtureParts {
  readonly config: ModelConfig;
  readonly graph: Graph;
  readonly variables: Variables;
  readonly method: SiteRewriter;
  /** Whether a training balances the load of the routers. */
  readonly balances: boolean;
  weight(name: string, shape: readonly number[], kind: "dense" | "linear"): Tensor;
  site(name: string, trained: string[]): Site;
}

export class Mixtures {
  /** The routers, by name. */
  readonly routers: string[] = [];
  /** The matrices of experts. */
  readonly matrices: SiteRecord[] = [];
  /** The parameters of transformers that hold them, and the method's treatment of them. */
  readonly parameters: SiteRecord[] = [];
  /** The routers' load so far (ops/routerLoad), in a training that balances it. */
  load: Tensor | undefined;
  readonly #parts: MixtureParts;

  constructor(parts: MixtureParts) {
    this.#parts = parts;
  }

  /** x [T, d] → [T, d] */
  build(x: Tensor, names: MixtureNames, expert: (layers: ExpertLayers, rows: Tensor) => Tensor, bias: boolean): Tensor {
    const { config, graph, weight } = this.#parts;
    const { experts: facts, normalizesExperts } = config;
    if (!facts) throw new Error(`${names.experts}: the configuration has no experts`);
    const { count: experts, chosen: topK } = facts;
    const router = weight(`${names.router}.weight`, [experts, widthOf(x)], "dense");
    const offset = bias ? weight(`${names.router}.bias`, [experts], "dense") : undefined;
    const logits = linear.node(graph, { x, w: router, bias: offset }, { tailScale: 1 }).y;
    const choice = route.node(graph, { logits }, { topK, normalized: normalizesExperts ? 1 : 0 });
    const { weights, order, place, starts } = choice;
    this.routers.push(names.router);
    this.#addLoad(logits, choice.expert, topK);
    const rows = gatherExperts.node(graph, { x, order, place }, { topK }).y;
    const layers: ExpertLayers = (from, parameter, out, matrices) => {
      const beside = this.#beside(names.experts, parameter, from, starts, out, matrices);
      return matrices.map((name, index) => {
        const w = this.#matricesOf(names.experts, name, [out, widthOf(from)]);
        const biases = bias ? weight(`${names.experts}.${name}_bias`, [experts, out], "dense") : undefined;
        return expertLinear.node(graph, { x: from, w, starts, bias: biases, ...beside?.[index] }, { experts }).y;
      });
    };
    return mixExperts.node(graph, { y: expert(layers, rows), order, place, weights }, { topK }).z;
  }

  #addLoad(logits: Tensor, expert: Tensor, topK: number): void {
    const { graph, balances } = this.#parts;
    if (!balances) return;
    const segmentStart = graph.input("segmentStart", "I32", [rowsOf(logits)]);
    this.load = routerLoad.node(graph, { logits, expert, segmentStart, before: this.load }, { topK }).load;
  }

  /** The matrices of this name of all experts. */
  #matricesOf(at: string, name: string, shape: readonly [number, number]): Tensor {
    const layers = Array.from({ length: this.#count }, (_, e) => `${at}.${e}.${name}`);
    for (const layer of layers)
      this.matrices.push({ name: layer, in: shape[1], out: shape[0], trained: [], fused: true });
    return grouped(
      `${at}.${name}`,
      layers.map((layer) => this.#parts.weight(`${layer}.weight`, shape, "linear")),
    );
  }

  get #count(): number {
    return this.#parts.config.experts!.count;
  }

  /** The method's product of low rank beside each of the matrices; undefined where it has none. */
  #beside(
    at: string,
    parameter: string,
    from: Tensor,
    starts: Tensor,
    width: number,
    matrices: readonly string[],
  ): { tailX: Tensor; tailW: Tensor }[] | undefined {
    const { graph, method, site } = this.#parts;
    const name = `${at}.${parameter}`;
    const trained: string[] = [];
    const experts = this.#count;
    const [input, out] = [widthOf(from), width * matrices.length];
    const update = method.experts({ ...site(name, trained), experts, in: input, out });
    this.parameters.push({ name, in: input, out, trained, fused: true });
    if (!update) return undefined;
    const tailX = expertLinear.node(graph, { x: from, w: this.#ofExperts(update.a), starts }, { experts }).y;
    return matrices.map((_, index) => ({ tailX, tailW: this.#ofExperts(update.b, index, matrices.length) }));
  }

  /** The part of this number, of so many, of the rows of φ of each expert. */
  #ofExperts({ phi }: Trained, index = 0, parts = 1): Tensor {
    const own = rowsOf(phi) / this.#count;
    const rows = own / parts;
    const first = (expert: number) => expert * own + index * rows;
    return grouped(
      `${phi.name} of experts ${index}`,
      Array.from({ length: this.#count }, (_, e) => this.#parts.variables.rowsOf(phi, first(e), rows)),
    );
  }
}
