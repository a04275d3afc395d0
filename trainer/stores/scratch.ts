/**
 * Local space for files that cannot be mapped where they lie: `$LUTHIER_SCRATCH`, `/luthier/scratch` in a pod, else a
 * directory of this process that goes with it. What is fetched is written under a hidden name, compared with its digest
 * on the way, and only then has its own.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { exitCode } from "../contract/exitCodes.ts";
import { StageFailure } from "../failure.ts";
import { LocalStore } from "./localStore.ts";
import type { Stores } from "./stores.ts";

const podDirectory = "/luthier/scratch";

export class Scratch {
  #directory: string | undefined;
  readonly #store = new LocalStore((file) => file);

  constructor(directory: string | undefined) {
    this.#directory = directory ?? process.env.LUTHIER_SCRATCH ?? (existsSync(podDirectory) ? podDirectory : undefined);
  }

  /** Writes `content` there, if it is not, and returns its path. Throws `wrong()` when it has another digest. */
  async keep(digest: string, content: () => AsyncIterable<Uint8Array>, wrong: () => Error): Promise<string> {
    const file = path.join(this.#ownDirectory(), digest.slice("sha256:".length));
    if ((await this.#store.stat(file)) && (await digestIs(digest, this.#store.stream(file)))) return file;
    await this.#store.write(file, compared(content(), digest, wrong)).catch((error: unknown) => {
      const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
      throw isFull ? full(path.dirname(file), error) : error;
    });
    return file;
  }

  #ownDirectory(): string {
    if (this.#directory === undefined) {
      const made = mkdtempSync(path.join(tmpdir(), "luthier-scratch-"));
      process.on("exit", () => rmSync(made, { recursive: true, force: true }));
      this.#directory = made;
    }
    return this.#directory;
  }
}

const full = (directory: string, cause: Error) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "StoreFull",
    `${directory}: the local space for what is fetched is full; run it where there is more (a node with a larger disk; outside a cluster, $LUTHIER_SCRATCH)`,
    { cause },
  );

/** Passes chunks on; their end is an error when they do not have the digest. */
export async function* compared(
  chunks: AsyncIterable<Uint8Array>,
  digest: string,
  wrong: () => Error,
): AsyncIterable<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest("hex")}` !== digest) throw wrong();
}

async function digestIs(digest: string, chunks: AsyncIterable<Uint8Array>): Promise<boolean> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}` === digest;
}

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
  if (!(await digestIs(digest, counted()))) throw wrong();
  return pathToFileURL(own).href;
}

async function* counting(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
