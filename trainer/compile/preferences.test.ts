/** The programs of preferences on a tiny model: packing, micro-batches, and gradients by finite differences. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PreferenceObjective } from "../contract/objective.ts";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { countPreferences, divergenceBatches, makePreferenceBatch } from "../engine/preferenceBatch.ts";
import { ropeTable } from "../models/rope.ts";
import { aSpec, TestRun, tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { encodeDataset } from "../testing/memoryDataset.ts";
import { compile } from "./compile.ts";

const rowTokens = 24;

/** Pairs of 3 prompt tokens and 2 or 3 learnt ones. */
const answers = Array.from({ length: 8 }, (_, index) => ({
  tokens: Uint32Array.from({ length: 5 + (index % 2) }, (_, position) =>
    position < 3 ? (7 * (index >> 1) + position) % 29 : (5 * index + 11 * position) % 29,
  ),
  trained: Uint8Array.from({ length: 5 + (index % 2) }, (_, position) => (position >= 3 ? 1 : 0)),
  source: 0,
  line: index + 1,
  role: index % 2 === 0 ? ("chosen" as const) : ("rejected" as const),
}));
const datasetOf = (rows: readonly (readonly number[])[]) => new PackedDataset(encodeDataset(answers, rows, rowTokens));
const packed = datasetOf([
  [0, 1, 2, 3],
  [4, 5, 6, 7],
]);
const apart = datasetOf([
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
]);

const objectives: readonly PreferenceObjective[] = [
  { type: "DPO", beta: 0.4 },
  { type: "ORPO", lambda: 0.6 },
  { type: "KTO", beta: 0.4, desirableWeight: 1.5, undesirableWeight: 0.5 },
];

interface Variant {
  readonly microRows: number;
  readonly backend?: "cpu" | "reference64";
  readonly threads?: number;
}

function open(objective: PreferenceObjective, { microRows, backend = "cpu", threads = 1 }: Variant) {
  const { training, ...spec } = aSpec({ method: tinyLora, rowTokens, microRows });
  const precision = backend === "cpu" ? "F32" : "F64";
  const compiled = compile({ ...spec, precision, training: { ...training!, objective } });
  const shape = { rowTokens, microRows, trainedRowBuckets: compiled.trainedRowBuckets };
  const run = new TestRun(compiled, { backend, threads });
  const rope = ropeTable(tinyModel, rowTokens);
  return { run, shape, rope };
}

/** The loss, the answers' figures and the gradients of all rows. */
async function step(
  dataset: PackedDataset,
  objective: PreferenceObjective,
  opened: ReturnType<typeof open>,
  known?: readonly number[],
) {
  const { run, shape, rope } = opened;
  const rows = Array.from({ length: dataset.rowCount }, (_, row) => row);
  const counts = countPreferences(dataset, rows);
  await run.run({ program: "derive" });
  let sum = 0;
  if (objective.type === "KTO") {
    for (const { inputs, trainedRows } of divergenceBatches(dataset, rows, shape, rope))
      for (const z of (await run.run({ program: "divergence", trainedRows }, inputs)).segments!) sum -= z;
  }
  const divergence = known ?? [Math.max(0, sum / 8)];
  await run.run({ program: "begin" });
  const segments: number[] = [];
  for (let first = 0; first < rows.length; first += shape.microRows) {
    const part = rows.slice(first, first + shape.microRows);
    const batch = makePreferenceBatch(dataset, part, objective, counts, shape, rope);
    const made = await run.run({ program: "micro", trainedRows: batch.trainedRows }, { ...batch.inputs, divergence });
    segments.push(...made.segments!.subarray(0, batch.isChosen.length));
  }
  await run.run({ program: "pullback" });
  return { loss: run.loss, divergence, segments, gradients: run.gradients() };
}

test("packed answers have the bits of unpacked ones, for any micro-batches and threads", async () => {
  for (const objective of objectives) {
    const results = [];
    for (const [dataset, variant] of [
      [packed, { microRows: 2 }],
      [packed, { microRows: 1, threads: 2 }],
      [apart, { microRows: 4 }],
      [apart, { microRows: 1 }],
    ] as const) {
      const opened = open(objective, variant);
      results.push(await step(dataset, objective, opened));
      opened.run.close();
    }
    const [first, ...others] = results;
    for (const other of others) {
      assert.deepEqual(other.segments, first!.segments);
      assert.deepEqual(other.divergence, first!.divergence);
      assert.ok(Math.abs(other.loss / first!.loss - 1) < 1e-12);
      for (const [name, values] of first!.gradients) {
        const norm = Math.hypot(...values);
        const difference = Math.hypot(...values.map((value, index) => value - other.gradients.get(name)![index]!));
        assert.ok(difference <= 1e-6 * norm, `${objective.type} ${name}: ${difference / norm}`);
      }
    }
  }
});

test("gradients of the adapter match finite differences in double precision", async () => {
  for (const objective of objectives) {
    const opened = open(objective, { microRows: 2, backend: "reference64" });
    const { run } = opened;
    // KTO's divergence is a constant of its gradient.
    const { gradients, divergence } = await step(packed, objective, opened);
    const names = run.names("parameter");
    for (const name of [names[0]!, names.at(-1)!]) {
      const values = run.floats("parameter", name);
      for (const index of [0, values.length - 1]) {
        const value = values[index]!;
        const at = async (moved: number) => {
          values[index] = moved;
          return (await step(packed, objective, opened, divergence)).loss;
        };
        const numeric = ((await at(value + 2 ** -10)) - (await at(value - 2 ** -10))) / 2 ** -9;
        values[index] = value;
        const analytic = gradients.get(name)![index]!;
        assert.ok(
          Math.abs(numeric - analytic) <= 1e-4 * Math.abs(analytic) + 1e-7,
          `${name}[${index}]: ${numeric} ${analytic}`,
        );
      }
    }
    run.close();
  }
});
