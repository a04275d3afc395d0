/**
 * Single-op cases for the native tests: makes a `luthier-exec` case of an op, its attributes, and operands with values.
 *
 * Everything lies in region io, except operands marked `weight`, which are bound as frozen weights. Every floating-point
 * operand that the op writes is compared.
 */

import { emit } from "../compile/emit.ts";
import { fromBfloat16, toBfloat16 } from "../formats/bfloat16.ts";
import { nf4Parts } from "../graph/nf4.ts";
import type { AnyOp, Device } from "../graph/op.ts";
import { aligned, bytesOf, type DataType, elementsOf, grouped, type Tensor } from "../graph/tensor.ts";
import { addon } from "../native/addon.ts";
import { type CaseCheck, type CaseFill, type Content, encodeCase } from "./caseFile.ts";

export interface TestOperand {
  dtype: DataType;
  shape: readonly number[];
  /** Row-major; absent: zeros. */
  values?: readonly number[];
  /** Instead of `values`: numbers that repeat to the tensor's end, for sizes whose values do not matter. */
  pattern?: readonly number[];
  weight?: boolean;
  /** As many tensors of this shape, their values one after another. */
  count?: number;
  /** A weight in NF4 storage: `double` if its absmax is quantised too. dtype is F32. */
  nf4?: "single" | "double";
}

export interface OpCase {
  name: string;
  op: AnyOp;
  attributes: Record<string, number>;
  operands: Record<string, TestOperand>;
  /** Allowed relative error of each output's norm. */
  relative: number;
  /** Allowed root mean square error, for outputs close to zero. */
  absolute?: number;
  /** Consecutive runs, for ops that accumulate. */
  runs?: number;
}

/** A stream of uniform numbers in [0, 1) (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Roughly normal numbers: the sum of four uniform ones, scaled to this standard deviation. */
export function normal(shape: readonly number[], seed: number, deviation = 1): number[] {
  const next = uniform(seed);
  const one = () => (next() + next() + next() + next() - 2) * Math.sqrt(3) * deviation;
  return Array.from({ length: elementsOf(shape) }, one);
}

/** The values after a round trip through BF16. */
export const bf16Rounded = (values: readonly number[]): number[] => [
  ...fromBfloat16(toBfloat16(Float32Array.from(values))),
];

function bytesOfValues(dtype: DataType, values: readonly number[]): Uint8Array {
  const arrays: Record<DataType, () => { buffer: ArrayBufferLike }> = {
    F32: () => Float32Array.from(values),
    F64: () => Float64Array.from(values),
    BF16: () => toBfloat16(Float32Array.from(values)),
    I32: () => Int32Array.from(values),
    U32: () => Uint32Array.from(values),
    U8: () => Uint8Array.from(values),
  };
  return new Uint8Array(arrays[dtype]().buffer);
}

interface Placed extends TestOperand {
  name: string;
  tensor: Tensor;
  /** The offset in region io, or the first binding of a weight. */
  at: number;
}

/** The tensors of an operand, one after another. */
function parts({ count = 1, ...operand }: TestOperand): TestOperand[] {
  const size = elementsOf(operand.shape);
  return Array.from({ length: count }, (_, index) => ({
    ...operand,
    ...(operand.values && { values: operand.values.slice(index * size, (index + 1) * size) }),
  }));
}

/** The content to bind: the values, or packed nibbles, absmax and nested absmax. */
function weightContent({ dtype, shape, values = [], pattern, nf4 }: TestOperand): Content[] {
  if (pattern && nf4) return patternOfNf4(pattern, shape, nf4);
  if (pattern) return [repeated(dtype, shape, pattern)];
  const bytes = bytesOfValues(dtype, values);
  if (!nf4) return [bytes];
  const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(bytes, "F32", nf4 === "double");
  return nestedAbsmax ? [packed, absmax, nestedAbsmax] : [packed, absmax];
}

const repeated = (dtype: DataType, shape: readonly number[], pattern: readonly number[]): Content => ({
  pattern: bytesOfValues(dtype, pattern),
  bytes: bytesOf({ dtype, shape }),
});

/** A quantised matrix whose codes and factors repeat; a pattern has whole groups of 256 blocks. */
function patternOfNf4(pattern: readonly number[], shape: readonly number[], nf4: "single" | "double"): Content[] {
  const made = addon().quantizeNf4(bytesOfValues("F32", pattern), "F32", nf4 === "double");
  const [packed, absmax, nested] = nf4Parts("weight", shape, nf4 === "double").map((part) => bytesOf(part));
  const contents = [
    { pattern: made.packed, bytes: packed! },
    { pattern: made.absmax, bytes: absmax! },
  ];
  if (!made.nestedAbsmax || nested === undefined) return contents;
  // The factors of the groups, and behind them their offset.
  const factors = new Float32Array(nested / 4).fill(new Float32Array(made.nestedAbsmax.slice(0, 4).buffer)[0]!);
  factors[factors.length - 1] = new Float32Array(made.nestedAbsmax.slice(-4).buffer)[0]!;
  return [...contents, new Uint8Array(factors.buffer)];
}

function bindings({ at, nf4 }: Placed): readonly [number, number, number] {
  if (!nf4) return [at, -1, -1];
  return [at, at + 1, nf4 === "double" ? at + 2 : -1];
}

function place(operands: Record<string, TestOperand>): { placed: Placed[]; ioBytes: number; weights: Content[] } {
  let ioBytes = 0;
  const weights: Content[] = [];
  const all = Object.entries(operands).flatMap(([name, operand]) =>
    parts(operand).map((part) => [name, part] as const),
  );
  const placed = all.map(([name, operand]) => {
    const { dtype, shape, weight = false, nf4 } = operand;
    const storage = nf4 ? "NF4" : "dense";
    const tensor: Tensor = { name, role: weight ? "frozen" : "input", dtype, storage, shape };
    const at = weight ? weights.length : ioBytes;
    if (weight) weights.push(...weightContent(operand));
    else ioBytes += aligned(bytesOf(tensor));
    return { ...operand, name, tensor, at };
  });
  return { placed, ioBytes, weights };
}

/** The bytes of a case file, with the scratch that the op plans for `device`. */
export function opCase(one: OpCase, device: Device = "cpu"): Uint8Array {
  const { op, attributes, operands, relative, absolute = 0, runs = 1 } = one;
  const { placed, ioBytes, weights } = place(operands);
  const tensorsOf = (name: string) => placed.filter((operand) => operand.name === name).map(({ tensor }) => tensor);
  const tensors = Object.fromEntries(
    Object.entries(operands).map(([name, { count }]) => {
      const made = tensorsOf(name);
      return [name, count === undefined ? made[0]! : grouped(name, made)];
    }),
  );
  const locations = new Map(placed.map((operand) => [operand.tensor, operand]));
  const known = new Set(op.operands.map(({ name }) => name));
  const unknown = placed.find(({ name }) => !known.has(name));
  if (unknown) throw new Error(`${op.name} has no operand ${unknown.name}`);
  const program = emit({
    nodes: [{ op, operands: tensors, outputs: {}, attributes, block: undefined, backward: false }],
    released: [],
    locate(tensor) {
      const operand = locations.get(tensor);
      if (!operand) throw new Error(`${op.name}: ${tensor.name} has no location`);
      if (operand.weight) return { region: "weights", bindings: bindings(operand) };
      return { region: "io", offset: operand.at };
    },
    arenaBytes: 0,
    stateBytes: 0,
    ioBytes,
    weightCount: weights.length,
  });
  const costs = { keys: Number.POSITIVE_INFINITY, outputs: Object.keys(tensors) };
  const scratch = op.scratch(device, tensors, costs, attributes);
  const written = op.operands.flatMap(({ name, access }) => (access === "in" ? [] : [name]));
  const fills = placed.flatMap(({ weight, values, pattern, dtype, shape, at }): CaseFill[] => {
    if (weight || !(values || pattern)) return [];
    const content = pattern ? repeated(dtype, shape, pattern) : bytesOfValues(dtype, values ?? []);
    return [{ region: "io", offset: at, content }];
  });
  const checks = placed.flatMap(({ name, dtype, shape, at }): CaseCheck[] =>
    written.includes(name)
      ? [{ name: `${op.name}.${name}`, region: "io", dtype, offset: at, count: elementsOf(shape), relative, absolute }]
      : [],
  );
  return encodeCase({
    ...{ arenaBytes: 0, stateBytes: 0, ioBytes, scratch, runs, weights, fills, checks },
    programs: [{ bytes: program, fills: [] }],
  });
}
