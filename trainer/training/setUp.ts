/**
 * The pass over the training data that a method makes before the first step. It depends on the data and the settings alone, not
 * on the micro-batch, so that a run that was stopped in it and begins again has the same bits.
 */
import { makeBatch, partition } from "../engine/batch.ts";
import type { LayerInputs } from "../graph/site.ts";
import { hostOf, type StepParts } from "./step.ts";

/** `onBatch` is called before each part of the work, and may throw to stop. */
export async function setUp(parts: StepParts, signal: AbortSignal, onBatch: () => void): Promise<void> {
  const { engine, dataset, settings } = parts;
  const { setup, spec } = engine.compiled;
  if (!setup) return;
  await engine.run({ program: "derive" });
  const batches = Math.ceil(dataset.rowCount / settings.rowsPerStep);
  const rowsOf = (batch: number) => {
    const first = (batch % batches) * settings.rowsPerStep;
    const count = Math.min(settings.rowsPerStep, dataset.rowCount - first);
    return Array.from({ length: count }, (_, at) => first + at);
  };
  await setup({
    ...hostOf(engine),
    batches,
    blocks: spec.model.layers,
    trainedTokens: (batch) => trainedTokensOf(parts, rowsOf(batch)),
    inputs(batch, block) {
      onBatch();
      return inputsOf(parts, rowsOf(batch), block, signal);
    },
    examples: dataset.exampleCount,
    differentiate(example) {
      onBatch();
      return differentiate(parts, example, signal);
    },
    principal(...matrix) {
      onBatch();
      return engine.principal(...matrix);
    },
  });
}

/** Runs the forward and backward pass of one example's row, in which the others have no weight. */
async function differentiate(
  { engine, dataset, shape, rope }: StepParts,
  example: number,
  signal: AbortSignal,
): Promise<void> {
  const row = dataset.rowStart.findLastIndex((first) => first <= example);
  const { inputs, trained, trainedRows } = makeBatch(dataset, [row], 1, shape, rope);
  const lossWeight = new Float32Array(trainedRows);
  for (const [at, token] of trained.entries()) if (token.example === example) lossWeight[at] = 1;
  const rngKey = new Uint32Array(2);
  await engine.run({ program: "begin" });
  await engine.run({ program: "micro", trainedRows }, { ...inputs, lossWeight, rngKey }, signal);
  if (engine.compiled.pullsBack) await engine.run({ program: "pullback" });
}

/** Number of the trained tokens of some rows. */
const trainedTokensOf = ({ dataset }: StepParts, rows: readonly number[]): number =>
  rows.reduce((sum, row) => sum + dataset.trainedTokens(row), 0);

/** The inputs of a block's layers at the trained tokens of some rows. */
async function inputsOf(
  parts: StepParts,
  rows: readonly number[],
  block: number,
  signal: AbortSignal,
): Promise<LayerInputs[]> {
  const { engine, dataset, shape, rope } = parts;
  const key = { program: "inputs", block } as const;
  const room = trainedTokensOf(parts, rows);
  const found = new Map<string, { width: number; values: Float32Array }>();
  let count = 0;
  for (const part of partition(rows, shape.microRows)) {
    const { inputs, trained } = makeBatch(dataset, part, 1, shape, rope);
    await engine.run(key, inputs, signal);
    for (const { name, shape: facts, values } of engine.outputs(key)) {
      const width = facts.at(-1) ?? 0;
      const one = found.get(name) ?? { width, values: new Float32Array(room * width) };
      found.set(name, one);
      for (let at = 0; at < trained.length; at++) {
        // A trained token is the target of the row before its own.
        const row = 1 + Number(inputs.trainedRow?.[at]);
        one.values.set(values.subarray(row * width, (row + 1) * width), (count + at) * width);
      }
    }
    count += trained.length;
  }
  return [...found].map(([name, { width, values }]) => ({
    sites: name.split(" "),
    values: values.subarray(0, count * width),
    rows: count,
    width,
  }));
}
