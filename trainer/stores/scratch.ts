/**
 * Local space for files that cannot be mapped in place: `$LUTHIER_SCRATCH`, `/luthier/scratch` in a pod, else a
 * directory that this process removes at its end. A fetched file is written under a hidden name, and renamed once its
 * digest is checked.
 */
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { exitCode } from "../contract/exitCodes.ts";
import { StageFailure } from "../contract/failure.ts";
import { compared, digestIs } from "./digest.ts";
import { LocalStore } from "./localStore.ts";

const podDirectory = "/luthier/scratch";

export class Scratch {
  #directory: string | undefined;
  readonly #store = new LocalStore((file) => file);

  constructor(directory: string | undefined) {
    this.#directory = directory ?? process.env.LUTHIER_SCRATCH ?? (existsSync(podDirectory) ? podDirectory : undefined);
  }

  /** Writes `content` there unless it exists, and returns its path. Throws `wrong()` when its digest differs. */
  async keep(digest: string, content: () => AsyncIterable<Uint8Array>, wrong: () => Error): Promise<string> {
    const file = path.join(this.#ownDirectory(), digest.slice("sha256:".length));
    if ((await this.#store.stat(file)) && (await digestIs(digest, this.#store.stream(file)))) return file;
    await this.#write(file, compared(content(), digest, wrong));
    return file;
  }

  /** Writes content whose digest is not known before, under its digest, and returns its path. */
  async fetched(content: AsyncIterable<Uint8Array>): Promise<string> {
    const hash = createHash("sha256");
    async function* hashed() {
      for await (const chunk of content) {
        hash.update(chunk);
        yield chunk;
      }
    }
    const file = await this.own(hashed());
    const kept = path.join(this.#ownDirectory(), hash.digest("hex"));
    await this.#store.move(file, kept);
    return kept;
  }

  /** Writes a file that only this process uses, and returns its path; the caller removes it. */
  async own(content: AsyncIterable<Uint8Array>): Promise<string> {
    const file = path.join(this.#ownDirectory(), `own-${randomUUID()}`);
    await this.#write(file, content);
    return file;
  }

  async #write(file: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#store.write(file, content).catch((error: unknown) => {
      const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
      throw isFull ? full(path.dirname(file), error) : error;
    });
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
    `${directory}: the local space for files that are mapped is full; use more space (a node with a larger disk; outside a cluster, set $LUTHIER_SCRATCH)`,
    { cause },
  );
