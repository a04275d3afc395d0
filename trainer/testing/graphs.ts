/**
 * For tests of ops and passes: runs a graph on the executor and compares gradients with finite differences. Values are
 * plain arrays of numbers by name; randomness is a small generator with a fixed seed.
 */
import assert from "node:assert/strict";
import { differentiate } from "../compile/differentiate.ts";
import { emit } from "../compile/emit.ts";
import { layOut } from "../compile/layout.ts";
import { layOutIo } from "../compile/memory.ts";
import type { IoTensor } from "../graph/compiled.ts";
import { Graph, type Node } from "../graph/graph.ts";
import { type AnyOp, defineOp, type Operands } from "../graph/op.ts";
import { type DataType, elementsOf, type Tensor } from "../graph/tensor.ts";
import { addon, type Backend, type Executor } from "../native/addon.ts";
import { cast } from "../ops/cast/op.ts";

export type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;
export type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Numbers in (−0.5, 0.5), the same for the same seed. */
export function randoms(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32 - 0.5;
  };
}

export const randomValues = (count: number, seed: number): Float64Array => {
  const random = randoms(seed);
  return Float64Array.from({ length: count }, () => random());
};

const views = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U32: Uint32Array, U8: Uint8Array } as const;

/** A typed view of a tensor in a region. No test reads or writes BF16 directly. */
export function viewOf(region: Uint8Array, dtype: DataType, shape: readonly number[], offset: number): Numbers {
  assert(dtype in views, `no view of ${dtype}`);
  const View = views[dtype as keyof typeof views];
  return new View(region.buffer as ArrayBuffer, region.byteOffset + offset, elementsOf(shape));
}

export const ioView = (executor: Executor, { dtype, shape, offset }: IoTensor): Numbers =>
  viewOf(executor.io, dtype, shape, offset);

/** Runs nodes whose leaves are all io tensors: writes the values, returns the named outputs. */
export class GraphRunner {
  readonly #executor: Executor;
  readonly #io: ReadonlyMap<string, IoTensor>;
  readonly #handle: number;

  constructor(graph: Graph, nodes: readonly Node[] = graph.nodes, backend: Backend = "reference64") {
    const io = layOutIo(graph);
    const arena = layOut(nodes, new Set(graph.outputs.values()));
    const locate = (tensor: Tensor) => {
      const offset = arena.offsets.get(tensor);
      const location = offset === undefined ? io.locations.get(tensor) : ({ region: "arena", offset } as const);
      assert(location, `${tensor.name} has no location`);
      return location;
    };
    const sizes = { arenaBytes: arena.bytes, stateBytes: 0, ioBytes: io.bytes };
    const bytes = emit({ nodes, released: arena.released, locate, weightCount: 0, ...sizes });
    const scratch = { threadScratchBytes: 0, sharedScratchBytes: 0 };
    this.#executor = addon().createExecutor({ backend, threads: 1, weights: 0, poison: true, ...scratch, ...sizes });
    this.#io = io.io;
    this.#handle = this.#executor.load(bytes);
  }

  /** Tensors that `values` lacks are zero. */
  async run(values: Values): Promise<Record<string, Float64Array>> {
    for (const [name, tensor] of this.#io) ioView(this.#executor, tensor).set(values[name] ?? []);
    for (const [name, tensor] of this.#io) if (!(name in values)) ioView(this.#executor, tensor).fill(0);
    await this.#executor.run(this.#handle);
    const read = [...this.#io].map(([name, tensor]) => [name, Float64Array.from(ioView(this.#executor, tensor))]);
    return Object.fromEntries(read);
  }

  close(): void {
    this.#executor.close();
  }
}

/** A placeholder for the consumer of an output: its gradient is given. It is differentiated but never emitted. */
const probe = defineOp({
  name: "probe",
  meaning: "",
  inputs: { y: "act[*]", dy: "act[*]" },
  outputs: {},
  isLoss: true,
  backward: ({ operands: { dy }, contribute }) => contribute("y", { kind: "tensor", tensor: dy }),
});

export interface GradientCheck {
  /** Differentiated inputs by shape: activations, and parameters. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly parameters?: Readonly<Record<string, readonly number[]>>;
  /** Inputs without gradients. */
  readonly constants?: Readonly<
    Record<string, { dtype: DataType; shape: readonly number[]; values: ArrayLike<number> }>
  >;
  build(graph: Graph, tensors: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>>;
}

/** Asserts that the backward pass of `build`'s graph matches central differences in double precision. */
export async function assertGradients(check: GradientCheck): Promise<void> {
  const { parameters = {}, constants = {} } = check;
  const trained = { ...check.inputs, ...parameters };
  const tensors: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(trained)) {
    tensors[name] = { name, role: "input", dtype: "F64", storage: "dense", shape };
  }
  const graph = new Graph(Object.values(tensors));
  const leaf = (name: string, shape: readonly number[], dtype: DataType = "F64") => graph.input(name, dtype, shape);
  for (const [name, tensor] of Object.entries(tensors)) graph.inputs.set(name, tensor);
  for (const [name, { dtype, shape }] of Object.entries(constants)) tensors[name] = leaf(name, shape, dtype);
  const gradientOf = (name: string) => leaf(`gradient ${name}`, trained[name] ?? []);
  const outputs = check.build(graph, tensors);
  const accumulators = new Map(
    Object.keys(parameters).map((name) => [tensors[name]!, { gradient: gradientOf(name), scale: 1 }]),
  );
  for (const [name, y] of Object.entries(outputs)) {
    graph.output(name, y);
    probe.node(graph, { y, dy: leaf(`dy ${name}`, y.shape) }, {});
  }
  const gradient = differentiate(graph, accumulators);
  for (const name of Object.keys(check.inputs)) {
    const made = gradient(tensors[name]!);
    assert(made, `${name} gets no gradient`);
    graph.output(`gradient ${name}`, copyOf(graph, made));
  }
  const nodes = graph.nodes.filter(({ op }) => op !== probe);
  const runner = new GraphRunner(graph, nodes);
  try {
    await compare(runner, graph, trained, constants, Object.keys(outputs));
  } finally {
    runner.close();
  }
}

/** Copies each output, since one gradient can belong to several tensors or be given. */
function copyOf(graph: Graph, tensor: Tensor): Tensor {
  const y = graph.activation("copy", tensor);
  cast.into(graph, { x: tensor }, { scale: 1 }, { y });
  return y;
}

async function compare(
  runner: GraphRunner,
  graph: Graph,
  trained: Readonly<Record<string, readonly number[]>>,
  constants: NonNullable<GradientCheck["constants"]>,
  outputs: readonly string[],
): Promise<void> {
  const values: Record<string, ArrayLike<number>> = {};
  for (const [name, { values: given }] of Object.entries(constants)) values[name] = given;
  let seed = 1;
  for (const [name, shape] of Object.entries(trained)) values[name] = randomValues(elementsOf(shape), seed++);
  for (const name of outputs) {
    const dy = graph.inputs.get(`dy ${name}`);
    values[`dy ${name}`] = randomValues(elementsOf(dy?.shape ?? []), seed++);
  }
  const loss = (made: Record<string, Float64Array>) =>
    sum(outputs.map((name) => dot(made[name]!, values[`dy ${name}`]!)));
  const analytic = await runner.run(values);
  for (const name of Object.keys(trained)) {
    const numeric = await centralDifferences(values[name]!, async (moved) =>
      loss(await runner.run({ ...values, [name]: moved })),
    );
    const error = relativeError(analytic[`gradient ${name}`]!, numeric);
    assert(error < 1e-6, `the gradient of ${name} is off by ${error}`);
  }
}

export async function centralDifferences(
  at: ArrayLike<number>,
  loss: (moved: Float64Array) => Promise<number>,
): Promise<Float64Array> {
  const step = 1e-5;
  const gradient = new Float64Array(at.length);
  for (let index = 0; index < at.length; index++) {
    const moved = (by: number) => Float64Array.from(at, (value, other) => (other === index ? value + by : value));
    gradient[index] = ((await loss(moved(step))) - (await loss(moved(-step)))) / (2 * step);
  }
  return gradient;
}

const sum = (terms: readonly number[]): number => terms.reduce((total, term) => total + term, 0);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  sum(Array.from(a, (value, index) => value * (b[index] ?? 0)));

/** ‖a − b‖ / ‖b‖ */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  const difference = Array.from(a, (value, index) => value - (b[index] ?? 0));
  return Math.sqrt(dot(difference, difference) / (dot(b, b) || 1));
}

/** Asserts that a composite op equals its `expand()`, on random inputs in double precision. */
export async function assertExpands(
  op: AnyOp,
  inputs: Readonly<Record<string, readonly number[]>>,
  attributes: Readonly<Record<string, number>>,
  wanted: readonly string[] = [],
): Promise<void> {
  const made = await Promise.all(
    [false, true].map(async (expanded) => {
      const graph = new Graph();
      const tensors = Object.entries(inputs).map(([name, shape]) => [name, graph.input(name, "F64", shape)]);
      const operands: Operands = Object.fromEntries(tensors);
      const outputs = expanded ? op.expand?.(graph, operands, attributes) : graph.add(op, operands, attributes, wanted);
      assert(outputs, `${op.name} has no expand()`);
      for (const [name, tensor] of Object.entries(outputs)) if (tensor) graph.output(name, tensor);
      const runner = new GraphRunner(graph);
      const values = Object.entries(inputs).map(([name, shape], i) => [name, randomValues(elementsOf(shape), i + 1)]);
      const result = await runner.run(Object.fromEntries(values));
      runner.close();
      return { outputs: Object.keys(outputs), result };
    }),
  );
  const [fused, plain] = made;
  assert.deepEqual(fused?.outputs.sort(), plain?.outputs.sort());
  for (const name of fused?.outputs ?? []) {
    const error = relativeError(fused?.result[name] ?? [], plain?.result[name] ?? []);
    assert(error < 1e-12, `${op.name}.${name}: ${error}`);
  }
}
