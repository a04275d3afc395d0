/** Files of any store as files of this machine, for mapping into memory. */
import { pathToFileURL } from "node:url";
import { digestIs } from "./digest.ts";
import { LocalStore } from "./localStore.ts";
import type { Stores } from "./stores.ts";

/**
 * The URI of a file on this machine with the bytes of `uri`, which have the digest: the store's own file where it has one,
 * else a copy in the local space. Throws `wrong()` when they have another digest. `onBytes` hears of what is read.
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

/** Passes chunks on; `onBytes` hears of each one's bytes. */
async function* counting(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
