import assert from "node:assert/strict";
import { test } from "node:test";
import { toBfloat16 } from "../formats/bfloat16.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { FiniteNumbers, type NotFinite } from "./finiteNumbers.ts";

const bf16 = (name: string, ...values: number[]): TensorData => ({
  name,
  dtype: "BF16",
  shape: [values.length],
  data: new Uint8Array(toBfloat16(Float32Array.from(values)).buffer),
});
const f16 = (name: string, ...values: number[]): TensorData => ({
  name,
  dtype: "F16",
  shape: [values.length],
  data: new Uint8Array(Float16Array.from(values).buffer),
});
const f32 = (name: string, ...values: number[]): TensorData => ({
  name,
  dtype: "F32",
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

/** The finding in a file that is read in chunks of one size. */
function found(file: Uint8Array, chunkBytes: number): NotFinite | undefined {
  const numbers = new FiniteNumbers(file.length, (name) => name !== "buffer");
  for (let at = 0; at < file.length; at += chunkBytes) numbers.add(file.subarray(at, at + chunkBytes));
  return numbers.found;
}

const large = 3.3e38;
const files: [string, TensorData[], NotFinite | undefined][] = [
  ["finite numbers, however large", [bf16("a", 0, -0, large, -large, 1e-45), f32("b", large, -large, 0)], undefined],
  ["a NaN in BF16", [bf16("a", 1, 2), bf16("b", 1, 2, Number.NaN)], { tensor: "b", element: 2, value: "NaN" }],
  ["an infinity in F32", [f32("a", 1, 2, 3, Infinity)], { tensor: "a", element: 3, value: "Infinity" }],
  ["a negative infinity in BF16", [bf16("a", -Infinity)], { tensor: "a", element: 0, value: "-Infinity" }],
  ["a NaN in a tensor that is no weight", [f32("buffer", Number.NaN), bf16("z", 1)], undefined],
  ["finite numbers in F16", [f16("a", 65504, -65504, 0, 1e-7)], undefined],
  ["a NaN in F16", [f16("a", 1, Number.NaN)], { tensor: "a", element: 1, value: "NaN" }],
  ["an overflow of F16", [f16("a", 1, 2, -1e6)], { tensor: "a", element: 2, value: "-Infinity" }],
  ["no tensors", [], undefined],
];

for (const [what, tensors, expected] of files) {
  test(`${what}: the result is the same for chunks of any size`, () => {
    const file = encodeSafetensors(tensors);
    for (let bytes = 1; bytes <= file.length; bytes += 1) assert.deepEqual(found(file, bytes), expected, `${bytes}`);
  });
}

test("tensors that begin at an odd byte are checked, and integers whose bits look like a NaN are not", () => {
  const bytes = (name: string, data: Uint8Array): TensorData => ({ name, dtype: "U8", shape: [data.length], data });
  const tensors = [bytes("a", new Uint8Array(3).fill(255)), bf16("b", 1, Number.NaN), f32("c", 1)];
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    end += data.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = Buffer.concat([length, text, ...tensors.map(({ data }) => data)]);
  for (const chunk of [1, 2, 3, 5, 7, file.length]) {
    assert.deepEqual(found(file, chunk), { tensor: "b", element: 1, value: "NaN" });
  }
});

test("a file with an unreadable header yields no number", () => {
  assert.equal(found(new Uint8Array(40).fill(255), 16), undefined);
  assert.equal(found(new Uint8Array(4), 2), undefined);
});
