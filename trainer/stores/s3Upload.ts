/**
 * Uploads an object: in one request if it is small, else in parts, a few at a time. Each request carries the SHA-256 of
 * its bytes, which the store checks. An object appears whole or not at all: parts become an object only on completion,
 * and a failed upload is aborted.
 */
import { createHash } from "node:crypto";
import type { S3Requests } from "./s3Requests.ts";
import { completion, element, type Part } from "./s3Xml.ts";
import type { Content } from "./store.ts";
import { partBytes, partsAtATime } from "./uploadParts.ts";

export async function upload(requests: S3Requests, key: string, content: Content): Promise<void> {
  const pieces = piecesOf(content);
  try {
    const first = await pieces.next();
    if (first.done) return void (await put(requests, key, Buffer.alloc(0)));
    const second = await pieces.next();
    if (second.done) return void (await put(requests, key, first.value));
    await uploadParts(requests, key, { checked: true }, async function* () {
      yield sendPart(requests, first.value);
      yield sendPart(requests, second.value);
      for await (const piece of pieces) yield sendPart(requests, piece);
    });
  } finally {
    // An unsent body would otherwise keep a file or a connection open.
    await pieces.return(undefined);
  }
}

/** One request. With `condition` the status may be 412: the condition does not hold. */
export async function put(
  requests: S3Requests,
  key: string,
  body: Uint8Array<ArrayBuffer>,
  condition: Record<string, string> = {},
): Promise<number> {
  const headers = { ...checksums(body), ...condition };
  const { status } = await requests.call({ method: "PUT", key, headers, body }, [200, 412]);
  return status;
}

function checksums(body: Uint8Array): Record<string, string> {
  const digest = createHash("sha256").update(body).digest();
  return { "x-amz-content-sha256": digest.toString("hex"), "x-amz-checksum-sha256": digest.toString("base64") };
}

/** Bytes of one copy request within the store; its limit is 5 GB. */
const copyBytes = 1024 * 1024 * 1024;

/** Copies within the bucket; the store does the copying. */
export async function copy(requests: S3Requests, from: { key: string; bytes: number; bucket: string }, to: string) {
  const source = `/${from.bucket}/${from.key.split("/").map(encodeURIComponent).join("/")}`;
  if (from.bytes <= copyBytes) {
    await requests.call({ method: "PUT", key: to, headers: { "x-amz-copy-source": source } }, [200]);
    return;
  }
  await uploadParts(requests, to, { checked: false }, async function* () {
    for (let at = 0; at < from.bytes; at += copyBytes) {
      const end = Math.min(from.bytes, at + copyBytes) - 1;
      yield copyPart(requests, { "x-amz-copy-source": source, "x-amz-copy-source-range": `bytes=${at}-${end}` });
    }
  });
}

/** Puts part `number` of an upload. */
type SendPart = (target: { key: string; uploadId: string; number: number }) => Promise<Part>;

const partOf = ({ uploadId, number }: { uploadId: string; number: number }) => ({
  partNumber: String(number),
  uploadId,
});

function sendPart(requests: S3Requests, body: Uint8Array<ArrayBuffer>): SendPart {
  return async ({ key, ...part }) => {
    const headers = checksums(body);
    const answer = await requests.call({ method: "PUT", key, query: partOf(part), headers, body }, [200]);
    return { etag: answer.headers.get("etag") ?? "", sha256: headers["x-amz-checksum-sha256"]! };
  };
}

function copyPart(requests: S3Requests, headers: Record<string, string>): SendPart {
  return async ({ key, ...part }) => {
    const { text } = await requests.call({ method: "PUT", key, query: partOf(part), headers }, [200]);
    return { etag: element(text, "ETag") ?? "" };
  };
}

async function uploadParts(
  requests: S3Requests,
  key: string,
  { checked }: { checked: boolean },
  makeParts: () => AsyncIterable<SendPart>,
): Promise<void> {
  const headers: Record<string, string> = checked ? { "x-amz-checksum-algorithm": "SHA256" } : {};
  const { text } = await requests.call({ method: "POST", key, query: { uploads: "" }, headers }, [200]);
  const uploadId = element(text, "UploadId") ?? "";
  try {
    const parts = await severalAtATime(makeParts(), (send, index) => send({ key, uploadId, number: index + 1 }));
    const body = Buffer.from(completion(parts));
    // After a lost response the upload is already completed and gone; then the object's existence decides.
    const { status } = await requests.call(
      { method: "POST", key, query: { uploadId }, headers: hashOf(body), body },
      [200, 404],
    );
    if (status === 404) await requests.call({ method: "HEAD", key }, [200]);
  } catch (error) {
    // The original error matters, not a failed clean-up.
    await requests.call({ method: "DELETE", key, query: { uploadId } }, [204, 200, 404]).catch(() => {});
    throw error;
  }
}

const hashOf = (body: Uint8Array) => ({
  "x-amz-content-sha256": createHash("sha256").update(body).digest("hex"),
  "content-type": "application/xml",
});

/** Results in order; after a failure nothing further is started. */
async function severalAtATime<T, R>(
  items: AsyncIterable<T>,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let index = 0;
  for await (const item of items) {
    const at = index++;
    const one: Promise<void> = work(item, at)
      .then(
        (result) => {
          results[at] = result;
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= partsAtATime) await Promise.race(running);
    if (failure) break;
  }
  await Promise.all(running);
  if (failure) throw failure.error;
  return results;
}

/** Content in parts of `partBytes`, the last one shorter. Parts are copies, because a writer may reuse its chunks. */
async function* piecesOf(content: Content): AsyncGenerator<Buffer<ArrayBuffer>, undefined> {
  const chunks = content instanceof Uint8Array ? [content] : content;
  let pending: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Uint8Array.prototype.slice.call(chunk, at, at + partBytes - bytes);
      pending.push(taken);
      bytes += taken.length;
      at += taken.length;
      if (bytes < partBytes) continue;
      yield Buffer.concat(pending);
      pending = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(pending);
}
