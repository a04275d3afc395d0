/** Opens models and adapters that other programs wrote: in a directory of this machine, or anywhere by URI. */
import { formatBytes } from "../terminal/format.ts";
import { classified } from "../trainer/stages/classify.ts";
import type { Stores } from "../trainer/stores/stores.ts";
import { fetchedModel } from "../trainer/weights/foreignModel.ts";
import { StoredModel } from "../trainer/weights/storedModel.ts";
import { modelPlaceOf } from "./places.ts";

/** Its URI, of a repository at its current commit. */
export async function pinnedPlace(stores: Stores, place: string): Promise<string> {
  // Not as a claim, because in a hub's cache the files of a model are links to other directories.
  const { uri, revision } = modelPlaceOf(place);
  return (await classified(() => stores.pinned(uri, revision))).uri;
}

/** The model in files of this machine; `log` tells what is fetched. */
export async function openPlace(stores: Stores, place: string, log?: (line: string) => void): Promise<StoredModel> {
  const uri = await pinnedPlace(stores, place);
  return await classified(async () => {
    const model = await StoredModel.inDirectory(stores, uri);
    const [first = ""] = model.names();
    const isHere = first === "" || (await stores.of(uri).localFile(model.file(first).uri)) !== undefined;
    const bytes = model.names().reduce((sum, name) => sum + model.bytes(name), 0);
    if (!isHere) log?.(`fetching ${uri} (${formatBytes(bytes)})`);
    return await fetchedModel(stores, model, () => {});
  });
}
