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
  await setup({
    ...hostOf(engine),
    batches,
    blocks: spec.model.layers,
    inputs(batch, block) {
      onBatch();
      const first = (batch % batches) * settings.rowsPerStep;
      const count = Math.min(settings.rowsPerStep, dataset.rowCount - first);
      return inputsOf(
        parts,
        Array.from({ length: count }, (_, at) => first + at),
        block,
        signal,
      );
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

/** The inputs of a block's layers at the trained tokens of some rows. */
async function inputsOf(
  { engine, dataset, shape, rope }: StepParts,
  rows: readonly number[],
  block: number,
  signal: AbortSignal,
): Promise<LayerInputs[]> {
  const key = { program: "inputs", block } as const;
  const found = new Map<string, { width: number; values: Float32Array[] }>();
  for (const part of partition(rows, shape.microRows)) {
    const { inputs, trained } = makeBatch(dataset, part, 1, shape, rope);
    await engine.run(key, inputs, signal);
    for (const { name, shape: facts, values } of engine.outputs(key)) {
      const width = facts.at(-1) ?? 0;
      const one = found.get(name) ?? { width, values: [] };
      found.set(name, one);
      // A trained token is the target of the row before its own.
      for (let at = 0; at < trained.length; at++) {
        const row = 1 + Number(inputs.trainedRow?.[at]);
        one.values.push(values.slice(row * width, (row + 1) * width));
      }
    }
  }
  return [...found].map(([name, { width, values }]) => {
    const all = new Float32Array(values.length * width);
    for (const [at, row] of values.entries()) all.set(row, at * width);
    return { sites: name.split(" "), values: all, rows: values.length, width };
  });
}
