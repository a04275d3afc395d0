import assert from "node:assert/strict";
import { test } from "node:test";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { ropeTable } from "../models/rope.ts";
import { encodeDataset } from "../testing/memoryDataset.ts";
import { countPreferences, divergenceBatches, makePreferenceBatch } from "./preferenceBatch.ts";

/** Answers of 2 prompt tokens 10·n, 10·n + 1 and some learnt ones; rows [0, 1], [2, 3]. */
const answers = (
  [
    ["chosen", 2],
    ["rejected", 3],
    ["chosen", 1],
    ["rejected", 2],
  ] as const
).map(([role, learnt], index) => ({
  tokens: Uint32Array.from({ length: 2 + learnt }, (_, position) => 10 * (index + 1) + position),
  trained: Uint8Array.from({ length: 2 + learnt }, (_, position) => (position >= 2 ? 1 : 0)),
  source: 0,
  line: index + 1,
  role,
}));
const dataset = new PackedDataset(
  encodeDataset(
    answers,
    [
      [0, 1],
      [2, 3],
    ],
    10,
  ),
);
const rope = ropeTable({ headDim: 4, ropeTheta: 10_000 }, 10);
const shape = { rowTokens: 10, microRows: 2, trainedRowBuckets: [8, 16] };
const counts = countPreferences(dataset, [0, 1]);
const floats = (values: ArrayLike<number> | undefined) =>
  Array.from(values ?? [], (value) => Math.round(1e6 * value) / 1e6);

test("answers are counted, and so are the tokens of chosen ones with their prompts, each without its first", () =>
  assert.deepEqual(counts, { chosen: 2, rejected: 2, chosenTokens: 5 }));

test("DPO sums the tokens of each answer, and pairs weigh the same in every micro-batch", () => {
  const dpo = { type: "DPO", beta: 0.1 } as const;
  const { inputs, isChosen, trainedRows } = makePreferenceBatch(dataset, [0, 1], dpo, counts, shape, rope);
  assert.equal(trainedRows, 8);
  assert.deepEqual([...inputs.target!], [12, 13, 22, 23, 24, 32, 42, 43]);
  assert.deepEqual([...inputs.segment!], [0, 0, 1, 1, 1, 2, 3, 3]);
  assert.deepEqual(floats(inputs.segmentScale), [1, 1, 1, 1, 0, 0, 0, 0]);
  assert.deepEqual(floats(inputs.pairWeight), [0.5, 0.5, 0, 0]);
  assert.deepEqual(isChosen, [true, false, true, false]);
  const alone = makePreferenceBatch(dataset, [1], dpo, counts, shape, rope).inputs;
  assert.deepEqual(floats(alone.pairWeight), [0.5, 0, 0, 0]);
  assert.deepEqual([...alone.segment!], [0, 1, 1, -1, -1, -1, -1, -1]);
  assert.deepEqual([...alone.present!], [1, 1, 1, 0, 0, 0, 0, 0]);
});

test("ORPO averages over the tokens of each answer, and learns every token of the chosen ones and their prompts", () => {
  const orpo = { type: "ORPO", lambda: 0.2 } as const;
  const { inputs } = makePreferenceBatch(dataset, [0, 1], orpo, counts, shape, rope);
  assert.deepEqual([...inputs.target!.subarray(0, 10)], [11, 12, 13, 22, 23, 24, 31, 32, 42, 43]);
  assert.deepEqual([...inputs.segment!.subarray(0, 10)], [-1, 0, 0, 1, 1, 1, -1, 2, 3, 3]);
  assert.deepEqual(floats(inputs.segmentScale!.subarray(0, 4)), [0.5, 0.333333, 1, 0.5]);
  assert.deepEqual(floats(inputs.lossWeight!.subarray(0, 10)), [0.2, 0.2, 0.2, 0, 0, 0, 0.2, 0.2, 0, 0]);
  assert.deepEqual(floats(inputs.pairWeight!.subarray(0, 3)), [0.1, 0.1, 0]);
});

test("KTO weighs each answer by its label", () => {
  const kto = { type: "KTO", beta: 0.1, desirableWeight: 2, undesirableWeight: 1 } as const;
  const { inputs } = makePreferenceBatch(dataset, [0, 1], kto, counts, shape, rope);
  assert.deepEqual(floats(inputs.answerWeight!.subarray(0, 5)), [0.5, -0.25, 0.5, -0.25, 0]);
});

test("the divergence is estimated on each prompt with the answer before it, for any micro-batches", () => {
  const tokensOf = (microRows: number) =>
    [...divergenceBatches(dataset, [0, 1], { ...shape, microRows }, rope)].flatMap(({ inputs }) =>
      Array.from(inputs.segmentStart!, (start, row) =>
        inputs.ids![row] === 0 ? undefined : [start % 10, inputs.ids![row]],
      ),
    );
  const found = tokensOf(2).filter((token) => token !== undefined);
  assert.deepEqual(
    found.map(([, token]) => token),
    [10, 11, 42, 43, 20, 21, 12, 13, 30, 31, 22, 23, 24, 40, 41, 32],
  );
  assert.deepEqual(
    tokensOf(1).filter((token) => token !== undefined),
    found,
  );
  const [batch] = divergenceBatches(dataset, [0, 1], shape, rope);
  assert.deepEqual([...batch!.inputs.segment!], [0, 0, 1, 1, 2, 2, 2, 3]);
});

test("the divergence takes no answer of the prompt itself: it steps back to the nearest example of another prompt", () => {
  const answered = (prompts: readonly number[], packedAs: readonly (readonly number[])[]) => {
    const examples = prompts.map((prompt, index) => ({
      ...{ tokens: Uint32Array.of(prompt, 7, 100 + index), trained: Uint8Array.of(0, 0, 1) },
      ...{ source: 0, line: index + 1, role: index % 2 === 0 ? ("chosen" as const) : ("rejected" as const) },
    }));
    const set = new PackedDataset(encodeDataset(examples, packedAs, 10));
    const rows = packedAs.map((_, row) => row);
    const wide = { rowTokens: 10, microRows: 1, trainedRowBuckets: [10] };
    return [...divergenceBatches(set, rows, wide, rope)].flatMap(({ inputs, trained }) =>
      trained.map((_, at) => inputs.target![at]! - 100),
    );
  };
  const pairs = [
    [0, 1],
    [2, 3],
    [4, 5],
  ];
  assert.deepEqual(answered([1, 1, 2, 2, 3, 3], pairs), [5, 5, 1, 1, 3, 3]);
  assert.deepEqual(answered([1, 2, 3, 4, 5, 6], pairs), [5, 0, 1, 2, 3, 4], "distinct prompts take the one before");
  assert.deepEqual(answered([1, 2, 2, 2, 1, 1], pairs), [3, 0, 0, 0, 3, 3], "around the end of the step");
  assert.deepEqual(answered([1, 1], [[0, 1]]), [1, 0], "one prompt alone has no other answer");
});

test("a pair whose answers do not alternate is an error", () => {
  const dpo = { type: "DPO", beta: 0.1 } as const;
  const odd = new PackedDataset(encodeDataset(answers, [[1, 0]], 10));
  assert.throws(
    () => makePreferenceBatch(odd, [0], dpo, counts, shape, rope),
    /chosen and rejected answers do not alternate/,
  );
});
