/**
 * Writes cases for `luthier-exec` (docs/engine.md, "Cases"): a program, its initial bytes, and the tensors to compare.
 */
import { dataTypeCode, regionCode } from "../compile/emit.ts";
import type { Scratch } from "../graph/op.ts";
import type { DataType } from "../graph/tensor.ts";

export interface CaseFill {
  region: "state" | "io";
  offset: number;
  bytes: Uint8Array;
}

export interface CaseCheck {
  name: string;
  region: "state" | "io";
  dtype: DataType;
  offset: number;
  /** Offset and count are in elements. */
  count: number;
  /** Allowed Euclidean norm of the difference over that of the expected values. */
  relative: number;
  /** Allowed root mean square of the difference; enough when the relative bound is not met. */
  absolute: number;
}

export interface Case {
  program: Uint8Array;
  arenaBytes: number;
  stateBytes: number;
  ioBytes: number;
  scratch: Scratch;
  /** The number of consecutive runs of the program. */
  runs: number;
  weights: readonly Uint8Array[];
  fills: readonly CaseFill[];
  checks: readonly CaseCheck[];
}

const magic = 0x4348544c;
const version = 2;

/** Low and high word of a byte count. */
const longWords = (bytes: number): [number, number] => [bytes % 2 ** 32, Math.floor(bytes / 2 ** 32)];

const words = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const reals = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** A length in bytes, then the bytes, padded to whole words. */
const block = (bytes: Uint8Array): Uint8Array[] => [
  words(...longWords(bytes.length)),
  bytes,
  new Uint8Array((4 - (bytes.length % 4)) % 4),
];

const fillParts = ({ region, offset, bytes }: CaseFill): Uint8Array[] => [
  words(regionCode[region], ...longWords(offset)),
  ...block(bytes),
];

const checkParts = (check: CaseCheck): Uint8Array[] => [
  words(regionCode[check.region], dataTypeCode[check.dtype], ...longWords(check.offset), ...longWords(check.count)),
  reals(check.relative, check.absolute),
  ...block(new TextEncoder().encode(check.name)),
];

export function encodeCase(c: Case): Uint8Array {
  const sizes = [c.arenaBytes, c.stateBytes, c.ioBytes, c.scratch.thread, c.scratch.shared].flatMap(longWords);
  return Buffer.concat([
    words(magic, version, c.runs, ...sizes),
    ...block(c.program),
    words(c.weights.length),
    ...c.weights.flatMap(block),
    words(c.fills.length),
    ...c.fills.flatMap(fillParts),
    words(c.checks.length),
    ...c.checks.flatMap(checkParts),
  ]);
}
