import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGgufHeader, type GgufTensor, type GgufValue, ggufBytes, ggufPadding, readGgufHeader } from "./gguf.ts";

const metadata = new Map<string, GgufValue>([
  ["whole", { type: "uint32", value: 4_000_000_000 }],
  ["signed", { type: "int32", value: -7 }],
  ["real", { type: "float32", value: 0.5 }],
  ["flag", { type: "bool", value: true }],
  ["text", { type: "string", value: "é\n" }],
  ["none", { type: "strings", value: [] }],
  // Longer than the first part that is read.
  ["texts", { type: "strings", value: Array.from({ length: 100_000 }, (_, index) => `token ${index}`) }],
  ["types", { type: "int32s", value: [1, -2] }],
  ["scores", { type: "float32s", value: [0.25, -1.5] }],
]);
const tensors: readonly GgufTensor[] = [
  { name: "a", type: "F32", shape: [3] },
  { name: "b", type: "Q8_0", shape: [2, 32] },
  { name: "c", type: "Q4_K", shape: [1, 256] },
];

const file = () =>
  Buffer.concat([
    encodeGgufHeader(metadata, tensors),
    ...tensors.flatMap((one) => [Buffer.alloc(ggufBytes(one), one.name), ggufPadding(one)]),
  ]);
const read = (bytes: Uint8Array) => readGgufHeader(bytes.length, async (start, end) => bytes.subarray(start, end));

test("metadata of every type and the places of tensors survive a round trip", async () => {
  const bytes = file();
  const header = await read(bytes);
  assert.deepEqual([...header.metadata], [...metadata]);
  assert.deepEqual(
    header.tensors.map(({ start: _, end: __, ...tensor }) => tensor),
    tensors,
  );
  for (const { name, start, end } of header.tensors) {
    assert.equal(start % 32, 0);
    assert.ok(bytes.subarray(start, end).every((byte) => byte === name.charCodeAt(0)));
  }
});

test("another or a truncated file is refused with the fault", async () => {
  const bytes = file();
  await assert.rejects(read(Buffer.from("PK..............")), /does not begin with GGUF/);
  const older = Buffer.from(bytes);
  older.writeUInt32LE(2, 4);
  await assert.rejects(read(older), /version 2 of GGUF is not supported/);
  await assert.rejects(read(bytes.subarray(0, 1000)), /ends before its header does/);
  await assert.rejects(read(bytes.subarray(0, bytes.length - 64)), /c ends at byte \d+ of \d+/);
});

test("columns that are not whole blocks are refused", () => {
  assert.throws(() => ggufBytes({ name: "a", type: "Q8_0", shape: [2, 33] }), /33 columns are no multiple of a block/);
});
