/** The validation loss: that of all held-out rows, as one step would have it. Supervised: in nats per trained token. */
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import { type LossFigures, type LossParts, runLoss } from "./loss.ts";

/** Runs every row once. Throws `Cancelled` when `signal` is aborted. */
export async function validationLoss(
  parts: LossParts,
  dataset: PackedDataset,
  signal: AbortSignal,
): Promise<LossFigures> {
  const rows = Array.from({ length: dataset.rowCount }, (_, row) => row);
  return await runLoss(parts, { program: "evaluate", dataset, rows, signal });
}
