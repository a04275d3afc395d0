import assert from "node:assert/strict";
import { test } from "node:test";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { ropeTable } from "../models/rope.ts";
import { encodeDataset } from "../testing/memoryDataset.ts";
import { makeBatch, partition } from "./batch.ts";

/** Rows of 8 tokens: [3 + 4 tokens], [5 tokens]. In each example all but the first two tokens are learnt. */
const examples = [3, 4, 5].map((length, index) => ({
  tokens: Uint32Array.from({ length }, (_, position) => 10 * (index + 1) + position),
  trained: Uint8Array.from({ length }, (_, position) => (position >= 2 ? 1 : 0)),
  source: 0,
  line: index + 1,
}));
const dataset = new PackedDataset(encodeDataset(examples, [[0, 1], [2]], 8));
const rope = ropeTable({ headDim: 4, ropeTheta: 10_000 }, 8);
const shape = { rowTokens: 8, microRows: 2, trainedRowBuckets: [4, 8, 16] };

test("tokens attend to their own example, and a trained token is the target of the row before it", () => {
  const { inputs, trainedRows, trained, tokens } = makeBatch(dataset, [0, 1], 0.25, shape, rope);
  assert.deepEqual([...inputs.ids!], [10, 11, 12, 20, 21, 22, 23, 0, 30, 31, 32, 33, 34, 0, 0, 0]);
  assert.deepEqual([...inputs.segmentStart!], [0, 0, 0, 3, 3, 3, 3, 7, 8, 8, 8, 8, 8, 13, 14, 15]);
  assert.equal(trainedRows, 8);
  assert.deepEqual([...inputs.trainedRow!], [1, 4, 5, 9, 10, 11, -1, -1]);
  assert.deepEqual([...inputs.target!], [12, 22, 23, 32, 33, 34, 0, 0]);
  assert.deepEqual([...inputs.lossWeight!], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0, 0]);
  assert.deepEqual(trained[1], { example: 1, position: 2 });
  assert.equal(tokens, 12);
});

test("positions and random keys depend on the example, not on its place", () => {
  const both = makeBatch(dataset, [0, 1], 1, shape, rope).inputs;
  const alone = makeBatch(dataset, [1], 1, shape, rope).inputs;
  assert.deepEqual(both.rowKey!.slice(16, 26), alone.rowKey!.slice(0, 10));
  assert.deepEqual([...alone.rowKey!.slice(0, 6)], [2, 0, 2, 1, 2, 2]);
  assert.deepEqual(both.cos!.slice(16, 26), alone.cos!.slice(0, 10));
  assert.deepEqual(both.sin!.slice(2, 4), rope.sin.slice(2, 4));
});

test("with a window a token sees its example's last tokens from a later start", () => {
  const windowed = ropeTable({ headDim: 4, ropeTheta: 10_000, slidingWindow: 3 }, 8);
  const { inputs } = makeBatch(dataset, [0, 1], 1, shape, windowed);
  assert.deepEqual([...inputs.windowStart!], [0, 0, 0, 3, 3, 3, 4, 7, 8, 8, 8, 9, 10, 13, 14, 15]);
  assert.equal(makeBatch(dataset, [0], 1, shape, rope).inputs.windowStart, undefined);
});

test("layers with a rotary base of their own get its angles beside the others", () => {
  const both = ropeTable({ headDim: 4, ropeTheta: 10_000, localRope: { theta: 100 } }, 8);
  const other = ropeTable({ headDim: 4, ropeTheta: 100 }, 8);
  const [made, local] = [both, other].map((table) => makeBatch(dataset, [0, 1], 1, shape, table).inputs);
  assert.deepEqual(made!.localCos, local!.cos);
  assert.deepEqual(made!.localSin, local!.sin);
  assert.deepEqual(made!.cos, makeBatch(dataset, [0, 1], 1, shape, rope).inputs.cos);
});

test("an example longer than the original context uses LongRoPE's long factors, others the short ones", () => {
  const longrope = {
    type: "longrope",
    shortFactor: [1, 1],
    longFactor: [2, 3],
    originalContext: 4,
    attentionFactor: 1,
  } as const;
  const table = ropeTable({ headDim: 4, ropeTheta: 10_000, ropeScaling: longrope }, 8);
  const { cos } = makeBatch(dataset, [0, 1], 1, shape, table).inputs;
  const angle = (row: number) => Math.round(1000 * Math.acos(cos![2 * row]!)) / 1000;
  // The second token of the examples of 3, 4 and 5 tokens; the third pair of rows is the long one.
  assert.deepEqual([angle(1), angle(4), angle(9)], [1, 1, 0.5]);
});

test("parts are consecutive and the last one may be short", () => {
  assert.deepEqual(partition([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(partition([], 2), []);
});
