/** The validation loss: the mean over all trained tokens of the held-out rows, in nats per token. */
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import { type BatchShape, makeBatch, partition } from "../engine/batch.ts";
import type { Engine } from "../engine/engine.ts";
import type { RopeTable } from "../models/rope.ts";

/** Runs every row once. Throws `Cancelled` when `signal` is aborted. */
export async function validationLoss(
  engine: Engine,
  dataset: PackedDataset,
  shape: BatchShape,
  rope: RopeTable,
  signal: AbortSignal,
): Promise<number> {
  const rows = Array.from({ length: dataset.rowCount }, (_, row) => row);
  const trainedTokens = rows.reduce((sum, row) => sum + dataset.trainedTokens(row), 0);
  await engine.run({ program: "begin" });
  for (const part of partition(rows, shape.microRows)) {
    const batch = makeBatch(dataset, part, 1 / trainedTokens, shape, rope);
    await engine.run({ program: "evaluate", trainedRows: batch.trainedRows }, batch.inputs, signal);
  }
  return engine.scalar("loss");
}
