/** Digests: SHA-256 of bytes in memory and of streamed chunks. */
import { createHash } from "node:crypto";

/** `sha256:` and 64 hex digits. */
export type Digest = string;

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Passes chunks through and throws at their end when their digest differs. */
export async function* compared(
  chunks: AsyncIterable<Uint8Array>,
  digest: Digest,
  wrong: () => Error,
): AsyncIterable<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest("hex")}` !== digest) throw wrong();
}

export async function digestIs(digest: Digest, chunks: AsyncIterable<Uint8Array>): Promise<boolean> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}` === digest;
}
