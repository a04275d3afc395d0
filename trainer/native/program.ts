/**
 * A program as plain data, and its bytes (docs/engine.md, "A program, byte by byte"). The one writer of the format.
 *
 * Checks what would not fit a word; the executor checks everything else when it loads the bytes.
 */
import type { DataType } from "../graph/compiled.ts";

export type Region = "weights" | "state" | "arena" | "io";

/** Where a tensor's bytes are. */
export type Place =
  | { region: "state" | "arena" | "io"; offset: number }
  | { region: "weights"; binding: number }
  /** NF4: packed nibbles, absmax, and the nested absmax when double-quantised. */
  | { region: "weights"; packed: number; absmax: number; nestedAbsmax?: number };

export interface ProgramTensor {
  /** For NF4: F32, what a code stands for. */
  dtype: DataType;
  shape: readonly number[];
  /** Elements between the starts of two rows; absent: rows are contiguous. */
  rowStride?: number;
  place: Place;
}

export interface ProgramInstruction {
  opcode: number;
  /** Indices of tensors, undefined where absent. */
  operands: readonly (number | undefined)[];
  /** In the order of the op's definition. */
  attributes: readonly { type: "i32" | "f32"; value: number }[];
}

export interface ProgramData {
  tensors: readonly ProgramTensor[];
  instructions: readonly ProgramInstruction[];
  arenaBytes: number;
  stateBytes: number;
  ioBytes: number;
  weightCount: number;
}

export const regionCodes: Record<Region, number> = { weights: 0, state: 1, arena: 2, io: 3 };
export const dataTypeCodes: Record<DataType, number> = { F32: 0, BF16: 1, I32: 2, U32: 3, U8: 4, F64: 5 };

const magic = 0x5048544c;
const version = 1;

/** Low and high word of a byte count. */
export const longWords = (value: number): [number, number] => [value % 2 ** 32, Math.floor(value / 2 ** 32)];

const floatBits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;

function placeWords(place: Place): number[] {
  if (place.region !== "weights") return [...longWords(place.offset), -1];
  if ("binding" in place) return [place.binding, -1, -1];
  return [place.packed, place.absmax, place.nestedAbsmax ?? -1];
}

function tensorWords({ dtype, shape, rowStride, place }: ProgramTensor): number[] {
  const storage = place.region === "weights" && "packed" in place ? 1 : 0;
  const dims = [...shape, 1, 1, 1, 1].slice(0, 4);
  const stride = rowStride ?? shape[shape.length - 1] ?? 1;
  return [regionCodes[place.region], dataTypeCodes[dtype], storage, shape.length, ...dims, stride, ...placeWords(place)];
}

function instructionWords({ opcode, operands, attributes }: ProgramInstruction): number[] {
  const bits = attributes.map(({ type, value }) => (type === "i32" ? value : floatBits(value)));
  return [opcode, operands.length, attributes.length, ...operands.map((operand) => operand ?? -1), ...bits];
}

export function encodeProgram(program: ProgramData): Uint8Array {
  const tensors = program.tensors.flatMap(tensorWords);
  const instructions = program.instructions.flatMap(instructionWords);
  const header = [magic, version, program.tensors.length, program.instructions.length, instructions.length];
  header.push(...[program.arenaBytes, program.stateBytes, program.ioBytes].flatMap(longWords), program.weightCount);
  const words = [...header, ...tensors, ...instructions];
  const wrong = words.find((word) => !Number.isInteger(word) || word < -(2 ** 31) || word >= 2 ** 32);
  if (wrong !== undefined) throw new Error(`a program cannot hold ${wrong}: not a 32-bit integer`);
  return new Uint8Array(Int32Array.from(words).buffer);
}
