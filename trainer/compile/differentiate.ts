/**
 * Appends the backward pass to a graph, in reverse order, by each op's own rule. Only nodes that depend on trainable
 * tensors are visited, so no gradient of a frozen matrix is formed, and parameters' gradients accumulate in place.
 *
 * The contributions of a tensor's consumers to its gradient are collected and summed when its producer is reached:
 * products are summed inside `linearInput` (its tail and its addend) and norms inside `rmsNormBackward`, without
 * separate adds.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { type Accumulator, type BackwardContext, type Contribution, plain } from "../graph/op.ts";
import { grouped, type Tensor } from "../graph/tensor.ts";
import { add } from "../ops/add/op.ts";
import { castTo } from "../ops/cast/op.ts";
import { linearInput } from "../ops/linearInput/op.ts";

type Placed = Contribution & { block: number | undefined };
type Product = Placed & { kind: "product" };

/** A tail is kept beside the main product's panel, so it must have few rows. */
const longestTail = 512;

/**
 * @param seeds gradients from outside the graph, by their tensor.
 * @returns the gradient of a trainable input of the graph that is not a parameter, formed on request.
 */
export function differentiate(
  graph: Graph,
  accumulators: ReadonlyMap<Tensor, Accumulator>,
  seeds: ReadonlyMap<Tensor, Tensor> = new Map(),
): (input: Tensor) => Tensor | undefined {
  const sweep = new Sweep(graph, accumulators, seeds);
  for (const node of [...graph.nodes].reverse()) sweep.visit(node);
  sweep.accumulate();
  return (input) => sweep.sum(input);
}

class Sweep {
  readonly #graph: Graph;
  readonly #accumulators: ReadonlyMap<Tensor, Accumulator>;
  readonly #groups = new Map<Tensor, Accumulator>();
  readonly #contributions = new Map<Tensor, Placed[]>();

  constructor(graph: Graph, accumulators: ReadonlyMap<Tensor, Accumulator>, seeds: ReadonlyMap<Tensor, Tensor>) {
    this.#graph = graph;
    this.#accumulators = accumulators;
    for (const [tensor, gradient] of seeds) {
      this.#contributions.set(tensor, [{ kind: "tensor", tensor: gradient, block: undefined }]);
    }
  }

  /** Adds the contributions of ops that do not accumulate a parameter's gradient themselves. */
  accumulate(): void {
    for (const [tensor, { gradient, scale }] of this.#accumulators) {
      const sum = this.#graph.within({ backward: true }, () => this.sum(tensor));
      if (!sum) continue;
      this.#graph.within({ backward: true }, () => {
        const scaled = castTo(this.#graph, sum, gradient.dtype, scale);
        add.into(this.#graph, { a: gradient, b: scaled }, {}, { y: gradient });
      });
    }
  }

  visit(node: Node): void {
    const gradients = new Map<string, Tensor>();
    for (const [name, output] of Object.entries(node.outputs)) {
      const gradient = output && this.sum(output);
      if (gradient) gradients.set(name, gradient);
    }
    const depends = node.op.inputs.some((name) => this.#wants(node, plain(name)));
    if (!depends || (gradients.size === 0 && !node.op.isLoss)) return;
    if (!node.op.backward) throw new Error(`${node.op.name} has no backward, but a trainable tensor depends on it`);
    const asked = new Set<string>();
    const context = this.#context(node, gradients, asked);
    this.#graph.within({ block: node.block, backward: true }, () => node.op.backward?.(context));
    this.#checkParameters(node, asked);
  }

  /**
   * Throws for an op that neither requests a parameter's accumulator nor takes it as an operand, because it would lose
   * the gradient.
   */
  #checkParameters({ op, operands }: Node, asked: ReadonlySet<string>): void {
    for (const input of op.inputs.map(plain)) {
      const tensor = operands[input];
      const accumulator = tensor && this.#accumulatorOf(tensor);
      if (!accumulator || asked.has(input) || Object.values(operands).includes(accumulator.gradient)) continue;
      throw new Error(`${op.name} forms no gradient of ${input}, and ${tensor.name} is a parameter`);
    }
  }

  /** `asked` receives the inputs whose accumulator the op requests. */
  #context(
    node: Node,
    gradients: ReadonlyMap<string, Tensor>,
    asked: Set<string>,
  ): BackwardContext<string, string, string, string> {
    return {
      graph: this.#graph,
      // The definition's types state which of them exist; infer checked that when the node was made.
      operands: node.operands as Readonly<Record<string, Tensor>>,
      outputs: node.outputs as Readonly<Record<string, Tensor>>,
      attributes: node.attributes,
      gradient: (output) => gradients.get(output),
      wants: (input) => this.#wants(node, input),
      accumulator: (input) => {
        asked.add(input);
        return this.#trains(node, input);
      },
      contribute: (input, contribution) => {
        const tensor = node.operands[input];
        if (!tensor || !this.#wants(node, input)) return;
        asked.add(input);
        const list = this.#contributions.get(tensor) ?? [];
        this.#contributions.set(tensor, list);
        list.push({ ...contribution, block: node.block });
      },
    };
  }

  #trains(node: Node, input: string): Accumulator | undefined {
    const tensor = node.operands[input];
    return tensor && this.#accumulatorOf(tensor);
  }

  /** The accumulator of a parameter, or one for all parameters of a group. */
  #accumulatorOf(tensor: Tensor): Accumulator | undefined {
    const known = this.#groups.get(tensor) ?? this.#accumulators.get(tensor);
    if (known || !tensor.members) return known;
    const parts = tensor.members.flatMap((one) => this.#accumulators.get(one) ?? []);
    const [first] = parts;
    if (!first) return undefined;
    if (parts.length < tensor.members.length || parts.some(({ scale }) => scale !== first.scale))
      throw new Error(`${tensor.name} trains only in part`);
    const gradient = grouped(
      `${tensor.name} gradient`,
      parts.map((part) => part.gradient),
    );
    const made = { gradient, scale: first.scale };
    this.#groups.set(tensor, made);
    return made;
  }

  #wants(node: Node, input: string): boolean {
    const tensor = node.operands[input];
    return tensor !== undefined && this.#graph.isDifferentiable(tensor);
  }

  /** The whole gradient of a tensor, once all its consumers have been visited. */
  sum(tensor: Tensor): Tensor | undefined {
    const contributions = this.#contributions.get(tensor) ?? [];
    this.#contributions.delete(tensor);
    let sum: Tensor | undefined;
    for (const step of summands(contributions)) {
      const before = sum;
      sum = this.#graph.within({ block: step.block, backward: true }, () => step.addTo(this.#graph, before));
    }
    return sum;
  }
}

interface Summand {
  readonly block: number | undefined;
  addTo(graph: Graph, sum: Tensor | undefined): Tensor;
}

/**
 * The order of a sum: existing tensors, then products in pairs, then a contribution that absorbs the sum of the rest.
 */
function summands(contributions: readonly Placed[]): Summand[] {
  const existing: Summand[] = [];
  const products: Product[] = [];
  const absorbing: Summand[] = [];
  for (const contribution of contributions) {
    const { block } = contribution;
    if (contribution.kind === "product") products.push(contribution);
    else if (contribution.kind === "into") absorbing.push({ block, addTo: (_, sum) => contribution.make(sum) });
    else existing.push({ block, addTo: (graph, sum) => plus(graph, sum, contribution.tensor) });
  }
  const withSum = absorbing.map((summand, index) => (index === 0 ? summand : separately(summand)));
  return [...existing, ...pairs(products).map(productSummand), ...withSum];
}

const plus = (graph: Graph, sum: Tensor | undefined, tensor: Tensor): Tensor =>
  sum ? add.node(graph, { a: sum, b: tensor }, {}).y : tensor;

/** One contribution absorbs the sum; a second is formed alone and added. */
const separately = ({ block, addTo }: Summand): Summand => ({
  block,
  addTo: (graph, sum) => plus(graph, sum, addTo(graph, undefined)),
});

interface ProductPair {
  readonly main: Product;
  readonly tail: Product | undefined;
}

/** The only fusion in the backward pass: a narrow product becomes the tail of its neighbour. */
export function pairs(products: readonly Product[]): ProductPair[] {
  const made: ProductPair[] = [];
  const rest = [...products];
  for (let main = rest.shift(); main; main = rest.shift()) {
    const found = main.scale === 1 ? rest.findIndex((other) => canBeTail(other) && other.block === main?.block) : -1;
    made.push({ main, tail: found < 0 ? undefined : rest.splice(found, 1)[0] });
  }
  return made;
}

const canBeTail = ({ w }: Product): boolean => w.storage === "dense" && (w.shape[0] ?? 0) <= longestTail;

function productSummand({ main, tail }: ProductPair): Summand {
  return {
    block: main.block,
    addTo(graph, sum) {
      if (main.scale !== 1) {
        const { dx } = linearInput.node(graph, { dy: main.dy, w: main.w }, { tailScale: 1 });
        return plus(graph, sum, castTo(graph, dx, dx.dtype, main.scale));
      }
      const operands = { dy: main.dy, w: main.w, tailX: tail?.dy, tailW: tail?.w, add: sum };
      return linearInput.node(graph, operands, { tailScale: tail?.scale ?? 1 }).dx;
    },
  };
}
