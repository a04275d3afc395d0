/**
 * Uploads a blob to a registry in chunks. A blob that exists is not sent. After a broken exchange the registry says how many bytes
 * it has, and the upload resumes there; a registry that lost the upload gets it again from the start. The registry checks the digest.
 */
import type { Digest } from "./digest.ts";
import { bytesOf, Retries, Transient } from "./http.ts";
import { type Registry, unsuitable } from "./registry.ts";
import { partBytes } from "./uploadParts.ts";

export interface BlobSource {
  digest: Digest;
  bytes: number;
  /** Bytes from `start` up to `end`. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** An upload that the registry knows. */
interface Session {
  location: URL;
  /** Bytes that it has; undefined after a broken exchange. */
  at: number | undefined;
  chunkBytes: number;
}

/** How often a lost upload starts again. */
const mostSessions = 8;

/** Returns false when the registry had the blob. */
export async function uploadBlob(registry: Registry, blob: BlobSource): Promise<boolean> {
  if (await registry.hasBlob(blob.digest)) return false;
  const retries = new Retries(registry.uri, registry.patience);
  let session: Session | undefined;
  let sessions = 0;
  for (;;) {
    try {
      if (session && session.at === undefined) session = await resumedSession(registry, session);
      if (!session) {
        // The response to the last request may be lost.
        if (sessions > 0 && (await registry.hasBlob(blob.digest))) return true;
        if (sessions++ === mostSessions)
          throw unsuitable(registry.uri, `it lost the upload of a blob ${mostSessions} times`);
        session = await begin(registry);
      }
      while ((session.at ?? 0) < blob.bytes) {
        const sent: Session = await sendChunk(registry, session, blob);
        retries.moved();
        session = sent;
      }
      await finish(registry, session, blob);
      return true;
    } catch (error) {
      if (session) session.at = undefined;
      await retries.after(error);
    }
  }
}

async function begin(registry: Registry): Promise<Session> {
  const from = registry.at("blobs/uploads/");
  const answer = await registry.send({ method: "POST", url: from }, [202]);
  await bytesOf(answer);
  // Some registries require large chunks.
  const least = Number(answer.headers.get("oci-chunk-min-length") ?? 0);
  return {
    location: locationOf(registry, answer.headers, from),
    at: 0,
    chunkBytes: Math.max(partBytes, Number.isSafeInteger(least) ? least : 0),
  };
}

async function sendChunk(
  registry: Registry,
  { location, at = 0, chunkBytes }: Session,
  blob: BlobSource,
): Promise<Session> {
  const end = Math.min(blob.bytes, at + chunkBytes);
  const headers = { "content-type": "application/octet-stream", "content-range": `${at}-${end - 1}` };
  const body = await blob.read(at, end);
  const answer = await registry.send({ method: "PATCH", url: location, headers, body }, [202, ...lostStatus]);
  await bytesOf(answer);
  if (answer.status !== 202) throw new Transient(`the registry refused the bytes from ${at} (${answer.status})`);
  return { location: locationOf(registry, answer.headers, location), at: end, chunkBytes };
}

async function finish(registry: Registry, { location }: Session, { digest }: BlobSource): Promise<void> {
  const url = new URL(location);
  url.searchParams.set("digest", digest);
  const answer = await registry.send({ method: "PUT", url }, [201, ...lostStatus]);
  await bytesOf(answer);
  if (answer.status !== 201) throw new Transient(`the registry did not complete ${digest} (${answer.status})`);
}

/** The upload with the bytes that the registry has; undefined when it no longer knows the upload. */
async function resumedSession(registry: Registry, session: Session): Promise<Session | undefined> {
  const answer = await registry.send({ url: session.location }, [204, ...lostStatus]);
  await bytesOf(answer);
  if (answer.status !== 204) return undefined;
  // `0-0` also means that it has nothing.
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get("range") ?? "")?.[1] ?? 0);
  return {
    ...session,
    location: locationOf(registry, answer.headers, session.location),
    at: last === 0 ? 0 : last + 1,
  };
}

/** The upload is unknown, or continues elsewhere than the request says. */
const lostStatus = [400, 404, 416];

function locationOf(registry: Registry, headers: { get(name: string): string | null }, from: URL): URL {
  const location = headers.get("location");
  return location === null ? from : registry.addressOf(location, from);
}
