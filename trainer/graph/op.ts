/**
 * The declaration of an op: its operands by name and order with their types and dimensions, its attributes and their
 * bounds, the rows that its integers index, its backward as graph nodes, its cost and the scratch of its kernels. All
 * other code derives from these definitions: the emitter, and the files that `trainer/ops/generate.ts` writes (the C++
 * structs, signatures and index checks, the lists of kernels, the table of docs/engine.md).
 *
 * The order of operands is inputs, then accumulated tensors, then outputs. A name ending in `?` is optional; an
 * optional output is made only on request, and an optional attribute is 0 where it is not given.
 */
import {
  type Access,
  type Attribute,
  type AttributeSpec,
  Match,
  type OperandText,
  operandSpec,
  type Signature,
} from "./signature.ts";
import type { Tensor, TensorFacts } from "./tensor.ts";

/** The graph as ops use it: they add nodes and name values. */
export interface NodeBuilder {
  /** Adds a node and returns its outputs: the required ones and the requested optional ones. */
  add(op: AnyOp, operands: Operands, attributes: GivenAttributes, wanted: readonly string[]): Operands;
  /** Adds a node that writes existing tensors. */
  addInto(op: AnyOp, operands: Operands, attributes: GivenAttributes, outputs: Operands): void;
  /** A new value of this program, not written yet. */
  activation(name: string, facts: TensorFacts): Tensor;
  /** An input whose values belong to the program. */
  constant(name: string, dtype: "F32" | "I32", shape: readonly number[], values: Float32Array | Int32Array): Tensor;
}

export type Operands = Readonly<Record<string, Tensor | undefined>>;
/** A node's attributes, all of them. */
export type Attributes = Readonly<Record<string, number>>;
/** Attributes without some of the optional ones. */
export type GivenAttributes = Readonly<Record<string, number | undefined>>;

/** `"x" | "residual?"` → `{ x: T; residual?: T | undefined }`. */
type Named<Names extends string, T> = { readonly [N in Names as N extends `${string}?` ? never : N]: T } & {
  readonly [N in Names as N extends `${infer Base}?` ? Base : never]?: T | undefined;
};

/** A name without its `?`. */
export type Plain<N extends string> = N extends `${infer Base}?` ? Base : N;
type Optional<N extends string> = N extends `${infer Base}?` ? Base : never;

/** The contribution of one consumer to the gradient of a tensor. */
export type Contribution =
  /** An existing gradient. */
  | { kind: "tensor"; tensor: Tensor }
  /** scale · dy·w, formed together with others by `linearInput`. */
  | { kind: "product"; dy: Tensor; w: Tensor; scale: number }
  /** Any other: given the sum of the rest (or nothing), makes the whole. */
  | { kind: "into"; make: (sum: Tensor | undefined) => Tensor };

/** The interface of one node's backward rule. */
export interface BackwardContext<In extends string, Acc extends string, Out extends string, Att extends string> {
  readonly graph: NodeBuilder;
  readonly operands: Named<In | Acc, Tensor>;
  readonly outputs: Named<Out, Tensor>;
  readonly attributes: Readonly<Record<Plain<Att>, number>>;
  /** The gradient of an output; absent when no trainable tensor depends on it. */
  gradient(output: Plain<Out>): Tensor | undefined;
  /** Whether the gradient of an input is needed as a tensor. */
  wants(input: Plain<In>): boolean;
  /** The accumulator of a trainable input's gradient; absent when the input is not a parameter. */
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
  /** Names of the outputs that exist. */
  readonly outputs: readonly string[];
  /** Maximum number of keys for a query: the length of a packed row or of the cache. */
  readonly keys: number;
}

/** Scratch memory of a kernel: bytes per thread, and shared bytes. */
export interface Scratch {
  readonly thread: number;
  readonly shared: number;
}

export const noScratch: Scratch = { thread: 0, shared: 0 };

export const moreScratch = (a: Scratch, b: Scratch): Scratch => ({
  thread: Math.max(a.thread, b.thread),
  shared: Math.max(a.shared, b.shared),
});

/** The devices that kernels support. */
export type Device = "cpu" | "cuda";

/** The rows that an integer operand may index. */
export type IndexRule<Name extends string> =
  | {
      readonly operand: Name;
      /** From 0 to below this dimension of the signature. */
      readonly below: string;
      /** −1 is also allowed and indexes no row. */
      readonly skips?: boolean;
      /** Only rows in which this operand is not 0 (a float) or not negative (another index) are checked. */
      readonly where?: Name;
    }
  /** From 0 to the index's own row. */
  | { readonly operand: Name; readonly upTo: "ownRow" }
  /** From 0 to this dimension, never falling: where parts of the rows begin and the last one ends. */
  | { readonly operand: Name; readonly ascendsTo: string };

interface Definition<In extends string, Acc extends string, Out extends string, Att extends string> {
  readonly name: string;
  /** The result in one line, for the table of docs/engine.md. */
  readonly meaning: string;
  readonly inputs: Readonly<Record<In, OperandText>>;
  readonly accumulates?: Readonly<Record<Acc, OperandText>>;
  readonly outputs: Readonly<Record<Out, OperandText>>;
  readonly attributes?: Readonly<Record<Att, Attribute>>;
  /** Pairs of operands that must be both present or both absent. */
  readonly together?: readonly (readonly [Plain<NoInfer<In>>, Plain<NoInfer<In>>])[];
  /** Checked before the op runs. */
  readonly indices?: readonly IndexRule<Plain<NoInfer<In>>>[];
  /** Indices that together determine a row's destination; no two rows may share one. */
  readonly distinct?: readonly Plain<NoInfer<In>>[];
  /** Outputs that may reuse the memory of an input that no later node reads: [output, input]. */
  readonly inPlace?: readonly (readonly [Plain<NoInfer<Out>>, Plain<NoInfer<In>>])[];
  backward?(at: BackwardContext<In, Acc, Out, Att>): void;
  /** Bound by memory, not by arithmetic: when memory is short, its result is recomputed instead of kept. */
  readonly cheap?: boolean;
  /** Its outputs are constants in the backward pass, for any inputs. */
  readonly detached?: boolean;
  /** Its backward rule starts the backward pass: the gradient of the loss itself is 1. */
  readonly isLoss?: boolean;
  /** The same value from simpler ops: the definition of a composite, used by its tests. */
  expand?(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Readonly<Record<Plain<Att>, number>>,
  ): Partial<Record<Plain<NoInfer<Out>>, Tensor>>;
  /** Floating-point operations of its matrix products. */
  flops?(operands: Named<In | Acc, Tensor>, cost: CostFacts): number;
  /** Operands of which it touches no more rows than another operand has elements: a table, by its indices. */
  readonly sparse?: Readonly<Partial<Record<Plain<NoInfer<In | Acc>>, Plain<NoInfer<In>>>>>;
  /** The maximum scratch of its kernel, by device; for the cpu, over all instruction sets; for cuda, all of it shared. */
  readonly scratch?: Readonly<
    Partial<
      Record<
        Device,
        (
          operands: Named<In | Acc, Tensor>,
          cost: CostFacts,
          attributes: Readonly<Record<Plain<Att>, number>>,
        ) => Scratch
      >
    >
  >;
}

/** An op without the types of its operands, for the passes. */
export interface AnyOp extends Signature {
  readonly meaning: string;
  readonly inputs: readonly string[];
  readonly accumulates: readonly string[];
  readonly outputs: readonly string[];
  readonly indices: readonly IndexRule<string>[];
  readonly distinct: readonly string[];
  readonly inPlace: readonly (readonly [string, string])[];
  readonly cheap: boolean;
  readonly detached: boolean;
  readonly isLoss: boolean;
  backward?(at: BackwardContext<string, string, string, string>): void;
  expand?(graph: NodeBuilder, operands: Operands, attributes: Attributes): Operands;
  flops(operands: Operands, cost: CostFacts): number;
  readonly sparse: Readonly<Partial<Record<string, string>>>;
  scratch(device: Device, operands: Operands, cost: CostFacts, attributes: Attributes): Scratch;
}

export interface Op<In extends string, Acc extends string, Out extends string, Att extends string> extends AnyOp {
  /** Adds a node to the graph and returns its outputs. */
  node(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Named<Att, number>,
    wanted?: readonly Optional<Out>[],
  ): Named<Out, Tensor>;
  /** The same with existing outputs: state or io. */
  into(
    graph: NodeBuilder,
    operands: Named<In | Acc, Tensor>,
    attributes: Named<Att, number>,
    outputs: Named<Out, Tensor>,
  ): void;
}

export function defineOp<
  const In extends string,
  const Out extends string,
  const Acc extends string = never,
  const Att extends string = never,
>(definition: Definition<In, Acc, Out, Att>): Op<In, Acc, Out, Att> {
  const { inputs, accumulates, outputs, inPlace = [], cheap = false, detached = false, isLoss = false } = definition;
  const { flops, scratch, sparse = {}, together = [], indices = [], distinct = [] } = definition;
  const attributes = attributeSpecs(definition.attributes ?? {});
  const op: Op<In, Acc, Out, Att> = {
    ...(definition as Untyped),
    inputs: Object.keys(inputs),
    accumulates: Object.keys(accumulates ?? {}),
    outputs: Object.keys(outputs),
    operands: [...specs(inputs, "in"), ...specs(accumulates ?? {}, "inOut"), ...specs(outputs, "out")],
    attributes,
    together,
    indices,
    distinct,
    inPlace,
    cheap,
    detached,
    isLoss,
    sparse,
    flops: (operands, cost) => flops?.(operands as Named<In | Acc, Tensor>, cost) ?? 0,
    scratch: (device, operands, cost, given) =>
      scratch?.[device]?.(operands as Named<In | Acc, Tensor>, cost, given) ?? noScratch,
    node: (graph, operands, given, wanted = []) => graph.add(op, operands, given, wanted) as Named<Out, Tensor>,
    into: (graph, operands, given, into) => graph.addInto(op, operands, given, into),
  };
  return op;
}

/**
 * The members of a definition that are used unchanged; the compiler calls them only with operands of the right names.
 */
type Untyped = Pick<Definition<string, string, string, string>, "name" | "meaning" | "backward" | "expand">;

function attributeSpecs(rules: Readonly<Record<string, Attribute>>): Record<string, AttributeSpec> {
  return Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [plain(name), { ...rule, optional: isOptional(name) }]),
  );
}

/** The attributes with those that are not given as 0. */
export function completed(op: AnyOp, given: GivenAttributes): Attributes {
  const optional = Object.keys(op.attributes).filter((name) => op.attributes[name]?.optional);
  return { ...Object.fromEntries(optional.map((name) => [name, 0])), ...withoutUndefined(given) };
}

const withoutUndefined = (given: GivenAttributes): Attributes =>
  Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

const specs = (texts: Readonly<Record<string, OperandText>>, access: Access) =>
  Object.entries(texts).map(([name, text]) => operandSpec(name, text, access));

/**
 * Types and shapes of the outputs, including optional ones, except those that do not follow from the operands. Throws
 * when operands, attributes and the existing `outputs` do not fit together.
 */
export function inferred(
  op: AnyOp,
  operands: Operands,
  attributes: GivenAttributes,
  outputs: Operands = {},
): Partial<Record<string, TensorFacts>> {
  const match = new Match(op, completed(op, attributes));
  match.complete(operands);
  match.operands({ ...operands, ...outputs });
  const made = op.operands.filter(({ access }) => access === "out");
  return Object.fromEntries(made.map((operand) => [operand.name, match.facts(operand)]));
}

export const plain = (name: string): string => (name.endsWith("?") ? name.slice(0, -1) : name);
export const isOptional = (name: string): boolean => name.endsWith("?");
