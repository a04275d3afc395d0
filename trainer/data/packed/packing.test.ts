import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRows } from "../../testing/memoryDataset.ts";
import { PackedDataset } from "./packedDataset.ts";
import { oneEach, type PackedRows, packRows, rowsFor } from "./packing.ts";

const listed = ({ order, starts }: PackedRows) =>
  Array.from({ length: starts.length - 1 }, (_, row) => [...order.subarray(starts[row]!, starts[row + 1]!)]);

test("packing puts the longest example first, each into the fullest row that holds it", () => {
  assert.deepEqual(listed(packRows(Uint32Array.of(3, 7, 5, 2, 5, 10), 10)), [[5], [1, 0], [2, 4], [3]]);
});

test("every example is in exactly one row, and no row overflows", () => {
  let state = 7;
  const random = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  const lengths = Uint32Array.from({ length: 2000 }, () => 1 + random(150));
  const rows = listed(packRows(lengths, 300));
  assert.deepEqual(
    rows.flat().sort((a, b) => a - b),
    Array.from(lengths, (_, i) => i),
  );
  const filled = rows.map((row) => row.reduce((sum, example) => sum + lengths[example]!, 0));
  assert.ok(filled.every((tokens) => tokens <= 300));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  assert.ok(rows.length <= Math.ceil(total / 300) * 1.02, `${rows.length} rows for ${total / 300} rows of tokens`);
});

const example = (length: number, line: number) => ({
  tokens: Uint32Array.from({ length }, (_, i) => 100 * line + i),
  trained: Uint8Array.from({ length }, (_, i) => (i > 0 ? 1 : 0)),
  source: 0,
  line,
});

test("a data set read back has the same rows, tokens and origins", () => {
  const examples = [example(3, 1), example(8, 2), example(5, 3)];
  const dataset = new PackedDataset(encodeRows(examples, packRows(Uint32Array.of(3, 8, 5), 10), 10));
  assert.equal(dataset.rowCount, 2);
  assert.deepEqual([...dataset.exampleId], [1, 2, 0]);
  assert.deepEqual([...dataset.line], [2, 3, 1]);
  assert.deepEqual(dataset.tokenRange(1), [8, 16]);
  assert.deepEqual([...dataset.tokens.subarray(13, 16)], [100, 101, 102]);
  assert.equal(dataset.trainedTokens(1), 6);
});

test("both examples of a pair are beside each other in one row, packed or not", () => {
  const lengths = Uint32Array.of(3, 2, 4, 4, 1, 1);
  const rows = (packing: boolean) => listed(rowsFor(lengths, { capacity: 10, packing, paired: true }));
  assert.deepEqual(rows(true), [
    [2, 3, 4, 5],
    [0, 1],
  ]);
  assert.deepEqual(rows(false), [
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
  assert.deepEqual(listed(rowsFor(lengths, { capacity: 10, packing: true, paired: false })), [
    [2, 3, 1],
    [0, 4, 5],
  ]);
});

test("a data set of preferences read back has the part of each example in its own row", () => {
  const pair = [
    { ...example(3, 1), role: "chosen" as const },
    { ...example(4, 1), role: "rejected" as const },
  ];
  const rows = { order: Uint32Array.of(2, 3, 0, 1), starts: Uint32Array.of(0, 2, 4) };
  const dataset = new PackedDataset(encodeRows([...pair, ...pair], rows, 10));
  assert.deepEqual([...dataset.role!], [1, 2, 1, 2]);
  assert.equal(new PackedDataset(encodeRows([example(3, 1)], oneEach(Uint32Array.of(3)), 10)).role, undefined);
});

test("a truncated or changed data set is refused", () => {
  const bytes = encodeRows([example(3, 1), example(8, 2)], oneEach(Uint32Array.of(3, 8)), 10);
  assert.throws(() => new PackedDataset(bytes.subarray(0, bytes.length - 64)), /size does not match/);
  assert.throws(() => new PackedDataset(bytes.subarray(0, 10)), /version/);
  const altered = bytes.slice();
  altered[64 + 4] = 200;
  assert.throws(() => new PackedDataset(altered), /boundaries/);
});
