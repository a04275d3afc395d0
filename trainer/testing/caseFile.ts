/**
 * Writes cases for `luthier-exec` (docs/engine.md, "Cases"): a program, its initial bytes, and the tensors to compare.
 */
import { dataTypeCode, regionCode } from "../compile/emit.ts";
import type { Scratch } from "../graph/op.ts";
import type { DataType } from "../graph/tensor.ts";

/** A pattern that repeats until it has this many bytes. */
export interface Repeated {
  readonly pattern: Uint8Array;
  readonly bytes: number;
}

export type Content = Uint8Array | Repeated;

export interface CaseFill {
  region: "state" | "io";
  offset: number;
  content: Content;
}

/** A program, and the bytes that are written before each of its runs. */
export interface CaseProgram {
  bytes: Uint8Array;
  fills: readonly CaseFill[];
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
  arenaBytes: number;
  stateBytes: number;
  ioBytes: number;
  scratch: Scratch;
  /** How often the programs run, one after another. */
  runs: number;
  weights: readonly Content[];
  /** Written before the first run. */
  fills: readonly CaseFill[];
  programs: readonly CaseProgram[];
  checks: readonly CaseCheck[];
}

const magic = 0x4348544c;
const version = 3;

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

const checkParts = (check: CaseCheck): Uint8Array[] => [
  words(regionCode[check.region], dataTypeCode[check.dtype], ...longWords(check.offset), ...longWords(check.count)),
  reals(check.relative, check.absolute),
  ...block(new TextEncoder().encode(check.name)),
];

export function encodeCase(c: Case): Uint8Array {
  const patterns = new Map<Uint8Array, number>();
  const contentParts = (content: Content): Uint8Array[] => {
    const { pattern, bytes } = content instanceof Uint8Array ? { pattern: content, bytes: content.length } : content;
    if (!patterns.has(pattern)) patterns.set(pattern, patterns.size);
    return [words(patterns.get(pattern)!, ...longWords(bytes))];
  };
  const listOf = <T>(items: readonly T[], parts: (item: T) => Uint8Array[]) => [
    words(items.length),
    ...items.flatMap(parts),
  ];
  const fillParts = ({ region, offset, content }: CaseFill): Uint8Array[] => [
    words(regionCode[region], ...longWords(offset)),
    ...contentParts(content),
  ];
  const programParts = ({ bytes, fills }: CaseProgram) => [...block(bytes), ...listOf(fills, fillParts)];
  const contents = [
    ...listOf(c.weights, contentParts),
    ...listOf(c.fills, fillParts),
    ...listOf(c.programs, programParts),
  ];
  const sizes = [c.arenaBytes, c.stateBytes, c.ioBytes, c.scratch.thread, c.scratch.shared].flatMap(longWords);
  return Buffer.concat([
    words(magic, version, c.runs, ...sizes),
    ...listOf([...patterns.keys()], block),
    ...contents,
    ...listOf(c.checks, checkParts),
  ]);
}
