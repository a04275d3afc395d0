/** Local copies of files of any store, for mapping into memory. */
import { pathToFileURL } from "node:url";
import { digestIs } from "./digest.ts";
import { LocalStore } from "./localStore.ts";
import type { Stores } from "./stores.ts";

/**
 * The URI of a local file with the bytes of `uri` and the digest: the store's own file if it is local, else a copy in
 * the local space. Throws `wrong()` when the digest differs. `onBytes` receives the number of bytes read.
 */
export async function localCopy(
  stores: Stores,
  { uri, digest }: { uri: string; digest: string },
  wrong: () => Error,
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  const store = stores.of(uri);
  const counted = () => counting(store.stream(uri), onBytes);
  const own = await store.localFile(uri);
  if (own === undefined) return pathToFileURL(await stores.scratch.keep(digest, counted, wrong)).href;
  if (!(await digestIs(digest, counting(store instanceof LocalStore ? store.pieces(uri) : store.stream(uri), onBytes))))
    throw wrong();
  return pathToFileURL(own).href;
}

/** Passes chunks through and calls `onBytes` with the size of each. */
async function* counting(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
