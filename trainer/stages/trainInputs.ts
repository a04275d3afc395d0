/** Reads a run's inputs from the artifact store by their pins, and checks every digest. */
import type { Pins } from "../contract/runFile.ts";
import { datasetManifest, type EvaluationManifest, evaluationManifest, getManifest } from "../data/packed/manifests.ts";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import type { BaseTensors } from "../engine/baseValues.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { addon } from "../native/addon.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import type { StoredModel } from "../weights/storedModel.ts";
import { tensorsOf, verifiedBase } from "../weights/verifiedBase.ts";

export interface TrainInputs {
  base: StoredModel;
  tensors: BaseTensors;
  storage: CompileSpec["storage"];
  train: PackedDataset;
  validation: PackedDataset | undefined;
  sources: readonly string[];
  questions: EvaluationManifest["questions"] | undefined;
}

/** Reads everything once. `onBytes(done, total)` receives the bytes of the base, and may throw to stop. */
export async function readTrainInputs(
  stores: Stores,
  objects: Objects,
  pins: Pins,
  onBytes: (done: number, total: number) => void,
): Promise<TrainInputs> {
  const base = await verifiedBase(stores, objects, pins.baseDigest, onBytes);
  const table = await base.tensors();
  const dataset = await getManifest(objects, pins.datasetDigest, datasetManifest);
  const questions = pins.evaluationSetDigest;
  return {
    base,
    tensors: tensorsOf(base, table),
    storage: await base.storage(),
    train: await mappedDataset(stores, objects, dataset.train),
    validation: dataset.validation && (await mappedDataset(stores, objects, dataset.validation)),
    sources: dataset.sources,
    questions:
      questions === undefined ? undefined : (await getManifest(objects, questions, evaluationManifest)).questions,
  };
}

/** Maps a data set from its local file, because it may be larger than the memory. */
async function mappedDataset(stores: Stores, objects: Objects, staged: StagedObject): Promise<PackedDataset> {
  const uri = await objects.localCopy(staged.digest);
  const file = await stores.of(uri).localFile(uri);
  if (file === undefined) throw new Error(`${uri}: is not on this machine`);
  return new PackedDataset(addon().mapFile(file, staged.bytes));
}

/** File and line of an example of the training set. */
export function nameOfExample({ train, sources }: TrainInputs, example: number): string {
  return `${sources[train.source[example]!] ?? "a source"}:${train.line[example]}`;
}
