/** The adapter and the base of an export, by content: those of a run in the artifact store. */
import type { ExportSettings } from "../contract/exports.ts";
import { invalid } from "../contract/failure.ts";
import { declarationOf, type MethodSettings, quantizesFor, resultOf } from "../contract/methods/index.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
import type { ExportSource } from "../export/source.ts";
import { methodOf, methodToRun } from "../methods/index.ts";
import { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { readAdapter } from "../weights/adapterSource.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { localModel, StoredModel } from "../weights/storedModel.ts";
import { verifiedBase } from "../weights/verifiedBase.ts";

/** An export whose adapter and base are known by content. */
export type PinnedExport = ExportFile & { readonly adapterDigest: string; readonly baseDigest: string };

export interface ExportOrigin {
  readonly file: PinnedExport;
  /** The adapter and the base. Throws a failure if the format cannot hold the method's result. */
  source(settings: ExportSettings): Promise<ExportSource>;
}

export type OnBytes = (done: number, total: number) => void;

/** If the base itself was trained, the adapter's directory is the model and nothing is merged. */
export function trainedOrigin(file: PinnedExport, stores: Stores, onBytes: OnBytes): ExportOrigin {
  const objects = new Objects(stores, file.artifactRoot);
  const uri = storeLayout.adapter(storeLayout.run(file.artifactRoot, file.runHash));
  return {
    file,
    async source(settings) {
      const adapter = await readAdapter(stores, uri, file.adapterDigest);
      const { method } = adapter.manifest;
      const digest = await baseDigest(method, settings, { file, stores, objects });
      const model =
        resultOf(method) === "Model"
          ? await localModel(stores, adapter.uri, adapter.manifest.files)
          : await verifiedBase(stores, objects, digest, onBytes);
      return { base: await MergeBase.of(model), adapter, method: methodOf(methodToRun(method)) };
    },
  };
}

interface Origin {
  readonly file: PinnedExport;
  readonly stores: Stores;
  readonly objects: Objects;
}

/** The base to merge with, or to apply the adapter to. */
async function baseDigest(method: MethodSettings, settings: ExportSettings, origin: Origin): Promise<string> {
  const { file, objects } = origin;
  const how = quantizesFor(method);
  refuseImpossible(method, settings, file);
  switch (settings.kind) {
    case "adapter":
    case "ggufAdapter": {
      const ownBase = how && Number(method[how.ownBase.setting]) > how.ownBase.above ? how.ownBase : undefined;
      if (ownBase?.peftRefusal !== undefined) throw invalid("AdapterImpossible", named(file, ownBase.peftRefusal));
      return file.baseDigest;
    }
    case "merged":
    case "gguf":
      if (settings.base === "Dequantized") return await quantizedDigest(settings.kind, origin);
      if (how) throw invalid("MergeImpossible", named(file, how.originalRefusal));
      return (await getManifest(objects, file.baseDigest, baseManifest)).original ?? file.baseDigest;
  }
}

/** The base of the training, which must be quantised. */
async function quantizedDigest(kind: string, { file, stores, objects }: Origin): Promise<string> {
  const { original } = await getManifest(objects, file.baseDigest, baseManifest);
  const base = await StoredModel.staged(stores, objects, file.baseDigest);
  const stored = await base.storedQuantization();
  if (original !== undefined || stored?.method === "bitsandbytes") return file.baseDigest;
  throw invalid(
    "BaseNotQuantized",
    named(file, `${kind}.base is Dequantized, but the base was not quantised: remove ${kind}.base`),
  );
}

/** Throws a failure if a method's result has no such form. */
export function refuseImpossible(method: MethodSettings, settings: ExportSettings, file: ExportFile): void {
  const { mergeRefusal, peftRefusal } = declarationOf(method.kind);
  const merges = settings.kind === "merged" || settings.kind === "gguf";
  const [reason, refusal] = merges ? ["MergeImpossible", mergeRefusal] : ["AdapterImpossible", peftRefusal];
  if (refusal !== undefined) throw invalid(reason, named(file, refusal));
}

const named = (file: ExportFile, refusal: string) => `export ${file.export.name}: ${refusal}`;
