/**
 * Encodes a program in the format of docs/engine.md: header, tensor table, instructions. Pure.
 */

import type { Node } from "../graph/graph.ts";
import { type DataType, type Tensor, widthOf } from "../graph/tensor.ts";
import { opcodeOf } from "../ops/index.ts";
import { release } from "../ops/release/op.ts";

const programMagic = 0x5048544c;
const programVersion = 1;

export const dataTypeCode: Record<DataType, number> = { F32: 0, BF16: 1, I32: 2, U32: 3, U8: 4, F64: 5 };
export const regionCode = { weights: 0, state: 1, arena: 2, io: 3 } as const;

/** The location of a tensor's bytes. */
export type Location =
  | { region: "state" | "arena" | "io"; offset: number }
  /** Bindings: of the data, of absmax and of the nested absmax, or −1. */
  | { region: "weights"; bindings: readonly [number, number, number] };

export interface ProgramParts {
  readonly nodes: readonly Node[];
  /** For each node, the tensors that no later node reads. */
  readonly released: readonly (readonly Tensor[])[];
  locate(tensor: Tensor): Location;
  readonly arenaBytes: number;
  readonly stateBytes: number;
  readonly ioBytes: number;
  readonly weightCount: number;
}

export function emit(parts: ProgramParts): Uint8Array {
  const table = new TensorTable(parts.locate);
  const instructions: number[] = [];
  let count = 0;
  const append = (words: readonly number[]) => {
    for (const word of words) instructions.push(word);
    count += 1;
  };
  parts.nodes.forEach((node, index) => {
    append(instruction(node, table));
    const dead = parts.released[index] ?? [];
    if (dead.length > 0) append([opcodeOf(release), dead.length, 0, ...dead.map((tensor) => table.index(tensor))]);
  });
  const header = [
    programMagic,
    programVersion,
    table.count,
    count,
    instructions.length,
    ...wide(parts.arenaBytes),
    ...wide(parts.stateBytes),
    ...wide(parts.ioBytes),
    parts.weightCount,
  ];
  const words = Int32Array.from([...header, ...table.words, ...instructions]);
  return new Uint8Array(words.buffer);
}

class TensorTable {
  readonly words: number[] = [];
  readonly #indices = new Map<Tensor, number>();
  #count = 0;
  readonly #locate: (tensor: Tensor) => Location;

  constructor(locate: (tensor: Tensor) => Location) {
    this.#locate = locate;
  }

  get count(): number {
    return this.#count;
  }

  index(tensor: Tensor): number {
    const known = this.#indices.get(tensor);
    if (known !== undefined) return known;
    const index = this.#count;
    this.#indices.set(tensor, index);
    // The tensors of a group follow each other, also if the table has some of them elsewhere.
    for (const one of tensor.members ?? [tensor]) {
      for (const word of tensorWords(one, this.#locate(one))) this.words.push(word);
      this.#count += 1;
    }
    return index;
  }
}

function tensorWords(tensor: Tensor, location: Location): number[] {
  const { dtype, storage, shape } = tensor;
  if (shape.length < 1 || shape.length > 4) throw new Error(`${tensor.name}: rank ${shape.length} is not 1 to 4`);
  const dimensions = [0, 1, 2, 3].map((axis) => shape[axis] ?? 1);
  const place = location.region === "weights" ? location.bindings : [...wide(location.offset), -1];
  return [
    regionCode[location.region],
    dataTypeCode[dtype],
    storage === "NF4" ? 1 : 0,
    shape.length,
    ...dimensions,
    widthOf(tensor),
    ...place,
  ];
}

function instruction({ op, operands, outputs, attributes }: Node, table: TensorTable): number[] {
  const indices = op.operands.map(({ name }) => {
    const tensor = operands[name] ?? outputs[name];
    return tensor ? table.index(tensor) : -1;
  });
  const given = Object.entries(op.attributes);
  // Optional attributes that are 0 are left out from the end.
  while (given.length > 0 && given.at(-1)![1].optional && (attributes[given.at(-1)![0]] ?? 0) === 0) given.pop();
  const words = given.map(([name, { type, optional }]) => {
    const value = attributes[name] ?? (optional ? 0 : undefined);
    if (value === undefined || !Number.isFinite(value)) throw new Error(`${op.name}: attribute ${name} is ${value}`);
    return type === "f32" ? floatBits(value) : value;
  });
  return [opcodeOf(op), indices.length, words.length, ...indices, ...words];
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

function floatBits(value: number): number {
  float[0] = value;
  return bits[0] ?? 0;
}

/** A byte count as its low and high words. */
const wide = (bytes: number): [number, number] => [(bytes % 2 ** 32) | 0, Math.floor(bytes / 2 ** 32)];
