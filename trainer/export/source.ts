/** The model and the adapter that an export is made of. */

import { methodToRun } from "../methods/index.ts";
import type { BoundMethod } from "../methods/method.ts";
import type { AdapterSource } from "../weights/adapterSource.ts";
import { withGiven } from "../weights/givenAdapters.ts";
import type { MergeBase } from "../weights/mergeBase.ts";
import type { StoredModel } from "../weights/storedModel.ts";
import { tensorsOf } from "../weights/verifiedBase.ts";
import type { ModelToRun } from "./verify.ts";

/** The base's tensors, and the adapter that is merged into them; after full fine-tuning the adapter is empty. */
export interface ExportSource {
  readonly base: MergeBase;
  readonly adapter: AdapterSource;
  readonly method: BoundMethod;
}

/** The adapter beside the base that it is merged with. */
export async function adaptedModel({ base, adapter }: ExportSource): Promise<ModelToRun> {
  const { config, tensors } = await withGiven(base.model, adapter);
  const method = methodToRun(adapter.manifest.method);
  return { ...(await plainModel(base.model)), model: config, tensors, method, adapter: adapter.tensors };
}

/** A model by itself. */
export async function plainModel(model: StoredModel): Promise<ModelToRun> {
  const table = await model.tensors();
  return {
    model: await model.config(),
    tensors: tensorsOf(model, table),
    storage: await model.storage(),
    method: { kind: "none" },
    adapter: new Map(),
  };
}
