/**
 * What an op is to the compiler: its operands by name and order, its attributes, the shapes that follow, its backward
 * as graph nodes and its cost. Everything else that knows the ops (the emitter, the C++ header) reads these definitions.
 *
 * Operands are listed as docs/engine.md lists them: inputs, then tensors that are accumulated into, then outputs. A
 * name ending in `?` may be absent; an optional output is made only when asked for.
 */
import type { Tensor, TensorFacts } from "./tensor.ts";

export type AttributeType = "i32" | "f32";

/** What a graph is to the ops on it: nodes are added, values are named. */
export interface NodeBuilder {
  /** Adds a node, and returns its outputs: those that are always there and the optional ones that are wanted. */
  add(op: AnyOp, operands: Operands, attributes: Attributes, wanted: readonly string[]): Operands;
  /** Adds a node that writes tensors which exist already. */
  addInto(op: AnyOp, operands: Operands, attributes: Attributes, outputs: Operands): void;
  /** A value of this program alone, not written yet. */
  activation(name: string, facts: TensorFacts): Tensor;
}

export type Operands = Readonly<Record<string, Tensor | undefined>>;
export type Attributes = Readonly<Record<string, number>>;

/** `"x" | "residual?"` → `{ x: T; residual?: T | undefined }`. */
type Named<Names extends string, T> = { readonly [N in Names as N extends `${string}?` ? never : N]: T } & {
  readonly [N in Names as N extends `${infer Base}?` ? Base : never]?: T | undefined;
};

/** A name without its `?`. */
export type Plain<N extends string> = N extends `${infer Base}?` ? Base : N;
type Optional<N extends string> = N extends `${infer Base}?` ? Base : never;

/** What one consumer adds to the gradient of a tensor. */
export type Contribution =
  /** A gradient that exists already. */
  | { kind: "tensor"; tensor: Tensor }
  /** scale · dy·w, formed together with others by `linearInput`. */
  | { kind: "product"; dy: Tensor; w: Tensor; scale: number }
  /** Any other: given the sum of the rest (or nothing), makes the whole. */
  | { kind: "into"; make: (sum: Tensor | undefined) => Tensor };

/** What the backward of one node may see and do. */
export interface BackwardContext<In extends string, Acc extends string, Out extends string, Att extends string> {
  readonly graph: NodeBuilder;
  readonly operands: Named<In | Acc, Tensor>;
  readonly outputs: Named<Out, Tensor>;
  readonly attributes: Readonly<Record<Att, number>>;
  /** The gradient of an output; absent when nothing that trains depends on it. */
  gradient(output: Plain<Out>): Tensor | undefined;
  /** Whether the gradient of an input is needed as a tensor. */
  wants(input: Plain<In>): boolean;
  /** Where the gradient of a trainable input accumulates; absent when the input is not a parameter. */
  accumulator(input: Plain<In>): Accumulator | undefined;
  /** Ignored unless `wants(input)`. */
  contribute(input: Plain<In>, contribution: Contribution): void;
}

/** `gradient += scale · (what arrives)`: the derivative of θ → φ = scale·θ is folded into the accumulation. */
export interface Accumulator {
  readonly gradient: Tensor;
  readonly scale: number;
}

export interface CostFacts {
  /** Names of the outputs that are there. */
  readonly outputs: readonly string[];
  /** Keys that a query can see at most: the length of a packed row or of the cache. */
  readonly keys: number;
}

/** Memory that a kernel works in beside its operands: bytes for each thread, and for all together. */
export interface Scratch {
  readonly thread: number;
  readonly shared: number;
}

export const noScratch: Scratch = { thread: 0, shared: 0 };

export const moreScratch = (a: Scratch, b: Scratch): Scratch => ({
  thread: Math.max(a.thread, b.thread),
  shared: Math.max(a.shared, b.shared),
});

interface Definition<In extends string, Acc extends string, Out extends string, Att extends string> {
  readonly name: string;
  readonly inputs: readonly In[];
  readonly accumulates?: readonly Acc[];
  readonly outputs: readonly Out[];
  readonly attributes?: Readonly<Record<Att, AttributeType>>;
  /** Outputs that may take the place of an input which nothing reads afterwards: [output, input]. */
  readonly inPlace?: readonly (readonly [Plain<Out>, Plain<In>])[];
  /**
   * Shapes and types of the outputs, also of the optional ones; an output that does not follow from the operands is left
   * out, and its tensor given with `into`. Throws on operands that do not fit together.
   */
  infer(
    operands: Named<In | Acc, Tensor>,
    attributes: Readonly<Record<Att, number>>,
  ): Partial<Record<Plain<Out>, TensorFacts>>;
  backward?(at: BackwardContext<In, Acc, Out, Att>): void;
  /** Bound by memory, not by arithmetic: its result is computed again rather than kept once memory is short. */
  readonly cheap?: boolean;
  /** A node whose backward starts the sweep: the gradient of the loss itself is 1. */
  readonly isLoss?: boolean;
  /** The same value from simpler ops: what a composite means, and how it is tested. */
  expand?(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Readonly<Record<Att, number>>,
  ): Partial<Record<Plain<Out>, Tensor>>;
  /** Floating-point operations of its matrix products. */
  flops?(operands: Named<In | Acc, Tensor>, cost: CostFacts): number;
  /** What its kernel on the cpu takes at most, whatever the instruction set. */
  scratch?(operands: Named<In | Acc, Tensor>, cost: CostFacts, attributes: Readonly<Record<Att, number>>): Scratch;
}

/** An op without the types of its operands: what the passes work with. */
export interface AnyOp {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly accumulates: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeType>>;
  readonly inPlace: readonly (readonly [string, string])[];
  readonly cheap: boolean;
  readonly isLoss: boolean;
  infer(operands: Operands, attributes: Attributes): Partial<Record<string, TensorFacts>>;
  backward?(at: BackwardContext<string, string, string, string>): void;
  expand?(graph: NodeBuilder, operands: Operands, attributes: Attributes): Operands;
  flops(operands: Operands, cost: CostFacts): number;
  scratch(operands: Operands, cost: CostFacts, attributes: Attributes): Scratch;
}

export interface Op<In extends string, Acc extends string, Out extends string, Att extends string> extends AnyOp {
  /** Adds a node to the graph and returns its outputs. */
  node(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Readonly<Record<Att, number>>,
    wanted?: readonly Optional<Out>[],
  ): Named<Out, Tensor>;
  /** The same with outputs that exist already: state or io. */
  into(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Readonly<Record<Att, number>>,
    outputs: Named<Out, Tensor>,
  ): void;
}

export function defineOp<
  const In extends string,
  const Out extends string,
  const Acc extends string = never,
  const Att extends string = never,
>(definition: Definition<In, Acc, Out, Att>): Op<In, Acc, Out, Att> {
  const { accumulates = [], inPlace = [], cheap = false, isLoss = false, flops, scratch } = definition;
  const attributeTypes: Readonly<Record<string, AttributeType>> = definition.attributes ?? {};
  const op: Op<In, Acc, Out, Att> = {
    ...(definition as Definition<string, string, string, string>),
    accumulates,
    inPlace,
    cheap,
    isLoss,
    attributes: attributeTypes,
    flops: (operands, cost) => flops?.(operands as Named<In | Acc, Tensor>, cost) ?? 0,
    scratch: (operands, cost, given) => scratch?.(operands as Named<In | Acc, Tensor>, cost, given) ?? noScratch,
    node: (graph, operands, attributes, wanted = []) =>
      graph.add(op, operands, attributes, wanted) as Named<Out, Tensor>,
    into: (graph, operands, attributes, outputs) => graph.addInto(op, operands, attributes, outputs),
  };
  return op;
}

export const plain = (name: string): string => (name.endsWith("?") ? name.slice(0, -1) : name);
export const isOptional = (name: string): boolean => name.endsWith("?");

/** All operand names in the order of docs/engine.md. */
export const operandNames = (op: AnyOp): readonly string[] => [...op.inputs, ...op.accumulates, ...op.outputs];
