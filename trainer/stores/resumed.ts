/**
 * A file's bytes over HTTP, in order and whole: where a connection breaks, reading goes on at that byte of the very same
 * content (its ETag says so). A store that ends early, answers another range or another content is found out.
 */
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, StageFailure } from "../failure.ts";
import { type Answer, type Patience, Retries, Transient } from "./http.ts";
import type { ByteRange } from "./store.ts";

export interface Resumable {
  uri: string;
  patience: Patience;
  /** Absent: all of it. */
  range?: ByteRange | undefined;
  /** Asks for the file with these headers; the answer's status is 200, 206 or 412. */
  get(headers: Record<string, string>): Promise<Answer>;
}

export async function* resumed({ uri, patience, range, get }: Resumable): AsyncIterable<Uint8Array> {
  const retries = new Retries(uri, patience);
  let at = range?.start ?? 0;
  let end = range?.end;
  let etag: string | undefined;
  while (end === undefined || at < end) {
    try {
      const answer = await get(headersFrom(at, range?.end, etag));
      if (answer.status === 412) throw changed(uri);
      const found = extentOf(answer, uri, at);
      if (range !== undefined && found.end < range.end) throw short(uri, found.end, range.end);
      end ??= found.end;
      etag ??= answer.headers.get("etag") ?? undefined;
      for await (const chunk of answer.body()) {
        retries.moved();
        at += chunk.length;
        if (at > end) throw new Transient(`more bytes came than the ${end} that were said`);
        yield chunk;
      }
      if (at < end) throw new Transient(`the answer ended at byte ${at} of ${end}`);
      if (at === end) return;
    } catch (error) {
      await retries.after(error);
    }
  }
}

function headersFrom(at: number, end: number | undefined, etag: string | undefined): Record<string, string> {
  const range = at === 0 && end === undefined ? {} : { range: `bytes=${at}-${end === undefined ? "" : end - 1}` };
  // Weak ETags do not stand for bytes.
  return { ...range, ...(etag !== undefined && !etag.startsWith("W/") && { "if-match": etag }) };
}

/** What an answer holds: it must begin where was asked. `end` is one past its last byte. */
function extentOf({ status, headers }: Answer, uri: string, at: number): { end: number } {
  if (status === 206) {
    const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(headers.get("content-range") ?? "") ?? [];
    if (Number(first) === at && last !== undefined) return { end: Number(last) + 1 };
  } else if (at === 0) {
    const length = headers.get("content-length");
    if (length !== null) return { end: Number(length) };
  }
  throw new StageFailure(
    exitCode.storeUnreachable,
    "StoreUnsuitable",
    `${uri}: the store does not answer ranges: asked from byte ${at}, it answered ${status}`,
  );
}

const changed = (uri: string) =>
  corrupt("InputChanged", `${uri}: changed while it was read; run again when nothing writes to it`);

const short = (uri: string, bytes: number, expected: number) =>
  corrupt("FileShort", `${uri}: ends at byte ${bytes}, ${expected} expected`);
