import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBfloat16, toBfloat16 } from "./bfloat16.ts";
import { readSafetensorsHeader, SafetensorsError } from "./safetensors.ts";
import { encodeSafetensors } from "./safetensorsWriter.ts";
import { shardIndex, shardTensors } from "./shards.ts";

const read = (bytes: Uint8Array) =>
  readSafetensorsHeader(bytes.length, async (start, end) => bytes.subarray(start, end));

/** A file with this header text and `dataBytes` bytes of data. */
function fileWith(header: string, dataBytes: number, headerLength = Buffer.byteLength(header)): Uint8Array {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(headerLength));
  return Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(dataBytes)]);
}

const entry = (shape: number[], start: number, end: number, dtype = "U8") =>
  JSON.stringify({ dtype, shape, data_offsets: [start, end] });

test("the reader reads the writer's files, with tensors sorted and aligned", async () => {
  const bytes = encodeSafetensors([
    { name: "b", dtype: "F32", shape: [2], data: new Uint8Array(new Float32Array([1, 2]).buffer) },
    { name: "a", dtype: "BF16", shape: [1, 3], data: new Uint8Array([1, 2, 3, 4, 5, 6]) },
  ]);
  const { tensors, metadata } = await read(bytes);
  assert.deepEqual([...tensors.keys()], ["a", "b"]);
  const a = tensors.get("a")!;
  assert.equal(a.start % 64, 0);
  assert.deepEqual([...bytes.subarray(a.start, a.end)], [1, 2, 3, 4, 5, 6]);
  assert.equal(metadata.get("format"), "pt");
});

const hostile: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(), /too short/],
  ["a header longer than the file", fileWith("{}", 0, 1000), /does not fit/],
  ["a header length of 2⁶⁴−1", Buffer.concat([Buffer.alloc(8, 255), Buffer.alloc(8)]), /does not fit/],
  ["a header that is not an object", fileWith("[1,2,3]", 0), /start with/],
  ["cut JSON", fileWith('{"a":', 0), /not JSON/],
  ["bytes that are not UTF-8", Buffer.concat([fileWith("{", 0, 3), Buffer.from([0xff, 0xfe])]), /UTF-8/],
  ["an unknown dtype", fileWith(`{"a":${entry([1], 0, 1, "Q4")}}`, 1), /dtype/],
  ["a dtype from the prototype", fileWith(`{"a":${entry([1], 0, 1, "toString")}}`, 1), /dtype/],
  ["a negative dimension", fileWith(`{"a":${entry([-1], 0, 1)}}`, 1), /shape/],
  ["a shape whose product overflows", fileWith(`{"a":${entry([2 ** 40, 2 ** 40], 0, 1)}}`, 1), /needs/],
  ["offsets that go back", fileWith(`{"a":${entry([1], 2, 1)}}`, 2), /needs/],
  ["a range past the end", fileWith(`{"a":${entry([9], 0, 9)}}`, 4), /end at/],
  ["an overlap", fileWith(`{"a":${entry([4], 0, 4)},"b":${entry([4], 2, 6)}}`, 6), /overlap/],
  ["a gap", fileWith(`{"a":${entry([1], 0, 1)},"b":${entry([1], 2, 3)}}`, 3), /gap/],
  ["bytes after the last tensor", fileWith(`{"a":${entry([1], 0, 1)}}`, 2), /end at/],
  ["a name twice", fileWith(`{"a":${entry([1], 0, 1)},"a":${entry([1], 0, 1)}}`, 1), /twice/],
  ["a name twice, once escaped", fileWith(`{"a":${entry([1], 0, 1)},"\\u0061":${entry([1], 0, 1)}}`, 1), /twice/],
];

for (const [what, bytes, reason] of hostile) {
  test(`the reader refuses ${what}`, async () => {
    await assert.rejects(read(bytes), (error) => error instanceof SafetensorsError && reason.test(error.message));
  });
}

test("conversion to BF16 rounds to nearest, ties to even, and keeps infinities and NaN", () => {
  const cases: [number, number][] = [
    [1, 0x3f80],
    [1.00390625, 0x3f80], // half way between 0x3f80 and 0x3f81: to even
    [1.01171875, 0x3f82], // half way between 0x3f81 and 0x3f82: to even
    [-0, 0x8000],
    [Number.POSITIVE_INFINITY, 0x7f80],
    [3.4e38, 0x7f80],
  ];
  const values = Float32Array.from(cases, ([value]) => value);
  assert.deepEqual(
    [...toBfloat16(values)],
    cases.map(([, bits]) => bits),
  );
  assert.ok(Number.isNaN(fromBfloat16(toBfloat16(new Float32Array([Number.NaN])))[0]));
});

test("shards are filled in order of the tensor names and listed in the index", () => {
  const tensor = (name: string, elements: number) => ({ name, dtype: "U8" as const, shape: [elements] });
  const shards = shardTensors([tensor("c", 50), tensor("a", 60), tensor("b", 40), tensor("d", 500)], 100);
  assert.deepEqual(
    shards.map(({ file, tensors }) => [file, tensors.map(({ name }) => name).join("")]),
    [
      ["model-00001-of-00003.safetensors", "ab"],
      ["model-00002-of-00003.safetensors", "c"],
      ["model-00003-of-00003.safetensors", "d"],
    ],
  );
  const index = JSON.parse(shardIndex(shards)!);
  assert.equal(index.metadata.total_size, 650);
  assert.equal(index.weight_map.c, "model-00002-of-00003.safetensors");
  assert.equal(shardIndex(shardTensors([tensor("a", 60)], 100)), undefined);
});
