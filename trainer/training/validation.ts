/** The validation loss: the mean over all trained tokens of the held-out rows, in nats a token. */
import type { PackedDataset } from "../data/packedDataset.ts";
import type { RopeTable } from "../models/rope.ts";
import { type BatchShape, makeBatch, partition } from "./batch.ts";
import type { Engine } from "./engine.ts";

/** Runs every row once. `onRows` hears of the rows done, and may throw to stop. */
export async function validationLoss(
  engine: Engine,
  dataset: PackedDataset,
  shape: BatchShape,
  rope: RopeTable,
  onRows: (done: number) => void,
): Promise<number> {
  const rows = Array.from({ length: dataset.rowCount }, (_, row) => row);
  const trainedTokens = rows.reduce((sum, row) => sum + dataset.trainedTokens(row), 0);
  await engine.run({ stage: "begin" });
  let done = 0;
  for (const part of partition(rows, shape.microRows)) {
    const batch = makeBatch(dataset, part, 1 / trainedTokens, shape, rope);
    await engine.run({ stage: "evaluate", trainedRows: batch.trainedRows }, batch.inputs);
    done += part.length;
    onRows(done);
  }
  return engine.scalar("loss");
}
