/**
 * Fastfood's projection on the host, for merging: the same matrices as the op's (trainer/ops/fastfood), from seed, layer and
 * position. Pure.                                                     Le, Sarlós & Smola 2013; Li et al. 2018, §3
 */
import { philox, type Words } from "../../numbers/philox.ts";

/** The matrix of a layer. */
export interface Projection {
  readonly out: number;
  readonly in: number;
  readonly seed: number;
  /** By `layerKey`. */
  readonly layer: number;
}

const streams = { signs: 0, normals: 1, rounds: 2 } as const;

/** A layer's number in random words, by its name: the 32-bit FNV-1a hash, signed. */
export function layerKey(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}

/** P·x [out · in], row by row. */
export function projected(x: Float32Array, projection: Projection): Float32Array {
  const elements = projection.out * projection.in;
  const [size, period] = [powerOfTwo(Math.max(elements, x.length)), powerOfTwo(x.length)];
  const words = (stream: number) => wordsOf(projection, stream);
  const signs = words(streams.signs);
  // The transform of x padded with zeros repeats that of its first power of two.
  const small = new Float32Array(period);
  for (let i = 0; i < x.length; i++) small[i] = signs(i) >>> 31 === 0 ? x[i]! : -x[i]!;
  walshHadamard(small);
  const normals = words(streams.normals);
  const placed = permutation(size, projection);
  const values = new Float32Array(size);
  let squares = 0;
  for (let i = 0; i < size; i++) {
    const g = normalOf(normals(i));
    values[i] = g * small[placed(i) & (period - 1)]!;
    squares += g * g;
  }
  walshHadamard(values);
  const factor = 1 / Math.sqrt(elements * squares);
  return values.subarray(0, elements).map((value) => factor * value);
}

export const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least));

/** The words of a stream by index; consecutive ones share a block. */
function wordsOf({ seed, layer }: Projection, stream: number): (index: number) => number {
  const key = [seed >>> 0, layer >>> 0] as const;
  let [known, block] = [-1, [0, 0, 0, 0] as Words];
  return (index) => {
    const of = Math.floor(index / 4);
    if (of !== known) [known, block] = [of, philox([of >>> 0, 0, 0, stream], key)];
    return block[index % 4]!;
  };
}

/** v = H·v, with H of Sylvester's order and entries ±1. */
function walshHadamard(v: Float32Array): void {
  for (let half = 1; half < v.length; half *= 2) {
    for (let first = 0; first < v.length; first += 2 * half) {
      for (let i = first; i < first + half; i++) {
        const [a, b] = [v[i]!, v[i + half]!];
        v[i] = a + b;
        v[i + half] = a - b;
      }
    }
  }
}

const rounds = 6;

/** A permutation of [0, size): a Feistel network on the halves of an index, as in trainer/native/runtime/fastfood.h. */
export function permutation(size: number, projection: Projection): (index: number) => number {
  const bits = Math.round(Math.log2(size));
  const lowBits = Math.floor(bits / 2);
  const [lowMask, highMask] = [2 ** lowBits - 1, 2 ** (bits - lowBits) - 1];
  const word = wordsOf(projection, streams.rounds);
  const keys = Array.from({ length: rounds }, (_, k) => word(k));
  return (index) => {
    let [low, high] = [index & lowMask, index >>> lowBits];
    for (const [k, key] of keys.entries()) {
      if (k % 2 === 0) high ^= mixed(low, key) & highMask;
      else low ^= mixed(high, key) & lowMask;
    }
    return high * 2 ** lowBits + low;
  };
}

function mixed(value: number, key: number): number {
  let mix = (Math.imul(value, 0x9e3779b9) + key) | 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return mix ^ (mix >>> 16);
}

/** The standard normal number at a word's place in (0, 1).                              Wichura 1988, AS 241 (PPND7) */
export function normalOf(word: number): number {
  const u = (word + 0.5) / 2 ** 32;
  const q = u - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    const over = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
    return (q * over) / (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1);
  }
  const r = Math.sqrt(-Math.log(Math.min(u, 1 - u))) - 1.6;
  const over = ((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777;
  const tail = over / ((0.12021132975 * r + 0.7370016425) * r + 1);
  return q < 0 ? -tail : tail;
}
