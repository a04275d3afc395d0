/**
 * Whether the settings of a training fit its base model, by the base's headers and config.json alone: prepare asks before it
 * fetches weights and reads data.
 */
import { effectiveSettings } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { PrepareFile } from "../contract/runFile.ts";
import { refusalOf } from "../planning/plan.ts";
import { cpuTarget } from "../planning/target.ts";
import type { StoredModel } from "../weights/storedModel.ts";

/**
 * Throws a failure that names the setting. `isComplete`: this is the base of the training; without it, tokens or adapters are
 * still to be added, and only its context is checked.
 */
export async function refuseUnfit(model: StoredModel, file: PrepareFile, isComplete: boolean): Promise<void> {
  const { baseModel, dataset, method = { full: {} }, routerAuxLoss } = file;
  const settings = effectiveSettings({ baseModel, dataset, method, training: { routerAuxLoss } });
  const config = await model.config();
  const { maxSequenceLength } = settings.dataset;
  if (maxSequenceLength > config.contextLength) {
    throw invalid(
      "SequenceTooLong",
      `dataset.maxSequenceLength ${maxSequenceLength} exceeds the base model's context of ${config.contextLength}: lower it`,
    );
  }
  if (file.method === undefined || !isComplete) return;
  const { linear, dense, ...stored } = await model.storage();
  const quantized = linear === "NF4" ? { type: linear, ...stored } : undefined;
  const refusal = refusalOf({ settings, model: config, baseDataType: dense, quantized, target: cpuTarget(1) });
  if (refusal !== undefined) throw invalid("PlanImpossible", refusal);
}
