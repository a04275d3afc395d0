/**
 * The graph of one program: nodes in execution order. Models, methods and the ops' backward rules only build graphs.
 * One node writes each value, except for tensors that nodes accumulate into.
 */

import {
  type AnyOp,
  type Attributes,
  completed,
  type GivenAttributes,
  inferred,
  isOptional,
  type NodeBuilder,
  type Operands,
  plain,
} from "./op.ts";
import { type DataType, isFloating, type Tensor, type TensorFacts } from "./tensor.ts";

export interface Node {
  readonly op: AnyOp;
  /** Inputs and accumulated tensors, by plain name. */
  readonly operands: Operands;
  readonly outputs: Operands;
  readonly attributes: Attributes;
  /** The repeated block that the node computes or differentiates; undefined outside of blocks. */
  readonly block: number | undefined;
  readonly backward: boolean;
}

export type Constant = Float32Array | Int32Array;

export interface Place {
  readonly block: number | undefined;
  readonly backward: boolean;
}

export class Graph implements NodeBuilder {
  readonly nodes: Node[] = [];
  /** Inputs that JavaScript writes and outputs that it reads, by name. */
  readonly inputs = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  /** The values of inputs that are the same in every run. */
  readonly constants = new Map<string, Constant>();
  readonly #differentiable: Set<Tensor>;
  #place: Place = { block: undefined, backward: false };
  #made = 0;

  /** @param trainable the tensors that need a gradient; tensors that depend on them are differentiable. */
  constructor(trainable: Iterable<Tensor> = []) {
    this.#differentiable = new Set(trainable);
  }

  input(name: string, dtype: DataType, shape: readonly number[]): Tensor {
    const existing = this.inputs.get(name);
    if (existing) return existing;
    const tensor: Tensor = { name, role: "input", dtype, storage: "dense", shape };
    this.inputs.set(name, tensor);
    return tensor;
  }

  /** An input whose values belong to the program. */
  constant(name: string, dtype: "F32" | "I32", shape: readonly number[], values: Constant): Tensor {
    this.constants.set(name, values);
    return this.input(name, dtype, shape);
  }

  /** Places a computed tensor in region io, where JavaScript reads it by this name. */
  output(name: string, tensor: Tensor): void {
    const placed = tensor.role !== "activation" || [...this.outputs.values()].includes(tensor);
    if (placed) throw new Error(`${tensor.name} has a place already: output ${name} would be a second one`);
    this.outputs.set(name, tensor);
  }

  isDifferentiable(tensor: Tensor): boolean {
    return this.#differentiable.has(tensor) || (tensor.members?.some((one) => this.#differentiable.has(one)) ?? false);
  }

  /** Runs `build` and marks every node that it adds with this place. */
  within<T>(place: Partial<Place>, build: () => T): T {
    const outer = this.#place;
    this.#place = { ...outer, ...place };
    try {
      return build();
    } finally {
      this.#place = outer;
    }
  }

  add(op: AnyOp, operands: Operands, attributes: GivenAttributes, wanted: readonly string[]): Operands {
    const facts = inferred(op, operands, attributes);
    const names = op.outputs.filter((name) => !isOptional(name) || wanted.includes(plain(name))).map(plain);
    const made = (name: string) => {
      const inferred = facts[name];
      if (!inferred) throw new Error(`${op.name}: ${name} does not follow from the operands; give it with into()`);
      return this.activation(`${op.name}.${name}`, inferred);
    };
    const outputs = Object.fromEntries(names.map((name) => [name, made(name)]));
    this.#push(op, operands, outputs, attributes);
    return outputs;
  }

  addInto(op: AnyOp, operands: Operands, attributes: GivenAttributes, outputs: Operands): void {
    inferred(op, operands, attributes, outputs);
    this.#push(op, operands, outputs, attributes);
  }

  /**
   * Adds an operand to the last op if that made `result` and accepts the operand; false if not. A value that no node
   * has read yet thus absorbs an addition.
   */
  absorb(result: Tensor, operand: string, tensor: Tensor): boolean {
    const node = this.nodes.at(-1);
    if (!node || !tensorsOf(node.outputs).includes(result)) return false;
    if (!node.op.inputs.includes(`${operand}?`) || node.operands[operand]) return false;
    this.nodes.pop();
    this.addInto(node.op, { ...node.operands, [operand]: tensor }, node.attributes, node.outputs);
    return true;
  }

  /** A new value of this program, not written yet. */
  activation(name: string, { dtype, shape }: TensorFacts): Tensor {
    this.#made += 1;
    return { name: `${name}#${this.#made}`, role: "activation", dtype, storage: "dense", shape };
  }

  #push(op: AnyOp, operands: Operands, outputs: Operands, given: GivenAttributes): void {
    this.nodes.push({ op, operands, outputs, attributes: completed(op, given), ...this.#place });
    if (this.#place.backward || op.detached) return;
    const depends = op.inputs.some((name) => {
      const tensor = operands[plain(name)];
      return tensor !== undefined && this.isDifferentiable(tensor);
    });
    if (!depends) return;
    for (const tensor of tensorsOf(outputs)) if (isFloating(tensor)) this.#differentiable.add(tensor);
  }
}

export function tensorsOf(operands: Operands): Tensor[] {
  return Object.values(operands).filter((tensor) => tensor !== undefined);
}

/** The tensors that a node reads, including accumulated ones. */
export const readsOf = (node: Node): Tensor[] => tensorsOf(node.operands);

/** A node with its tensors replaced. */
export function mapTensors(node: Node, replace: (tensor: Tensor) => Tensor): Node {
  const mapped = (operands: Operands): Operands =>
    Object.fromEntries(Object.entries(operands).map(([name, tensor]) => [name, tensor && replace(tensor)]));
  return { ...node, operands: mapped(node.operands), outputs: mapped(node.outputs) };
}
