/**
 * Reads a file's bytes over HTTP, in order and complete. After a broken connection it resumes at the same byte of the
 * same content, identified by its ETag. It detects a store that ends early or sends a different range or content.
 */
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, StageFailure } from "../contract/failure.ts";
import { type Answer, type Patience, Retries, Transient } from "./http.ts";
import type { ByteRange } from "./store.ts";

export interface Resumable {
  uri: string;
  patience: Patience;
  /** Absent: the whole file. */
  range?: ByteRange | undefined;
  /** Requests the file with these headers; the response's status is 200, 206, 412 or 416. */
  get(headers: Record<string, string>): Promise<Answer>;
}

/** The position of reading; `end`, one past the last byte, and the ETag are known after the first response. */
interface Position {
  at: number;
  end: number | undefined;
  etag: string | undefined;
}

/** Yields exactly the requested bytes, or throws. */
export async function* resumed(file: Resumable): AsyncIterable<Uint8Array> {
  const { uri, patience, range } = file;
  const retries = new Retries(uri, patience);
  const position: Position = { at: range?.start ?? 0, end: range?.end, etag: undefined };
  while (position.end === undefined || position.at < position.end) {
    try {
      const { answer, end } = await open(file, position);
      position.end = end;
      position.etag ??= answer.headers.get("etag") ?? undefined;
      for await (const chunk of answer.body()) {
        retries.moved();
        // A retry would not fix this: the bytes sent so far may be wrong too.
        if (position.at + chunk.length > end)
          throw unsuitable(uri, `it sent more than the ${end} bytes that it announced`);
        position.at += chunk.length;
        yield chunk;
      }
      if (position.at < end) throw new Transient(`the response ended at byte ${position.at} of ${end}`);
    } catch (error) {
      await retries.after(error);
    }
  }
}

/** A response that starts at the current position and ends at the requested end. */
async function open({ uri, range, get }: Resumable, position: Position): Promise<{ answer: Answer; end: number }> {
  const answer = await get(headersFrom(position, range));
  try {
    if (answer.status === 412) throw changed(uri);
    const end = endOf(answer, uri, position.at);
    const wanted = position.end ?? end;
    if (range === undefined && end !== wanted) throw changed(uri);
    if (end < wanted) throw short(uri, end, wanted);
    if (end > wanted) throw unsuitable(uri, `for a request up to byte ${wanted} it sends the bytes up to ${end}`);
    return { answer, end };
  } catch (error) {
    await answer.discard();
    throw error;
  }
}

function headersFrom({ at, etag }: Position, range: ByteRange | undefined): Record<string, string> {
  const asked =
    at === 0 && range === undefined ? {} : { range: `bytes=${at}-${range === undefined ? "" : range.end - 1}` };
  // Weak ETags do not identify bytes.
  return { ...asked, ...(etag !== undefined && !etag.startsWith("W/") && { "if-match": etag }) };
}

/** One past the last byte of a response, which must start at the requested byte. */
function endOf({ status, headers }: Answer, uri: string, at: number): number {
  const range = headers.get("content-range") ?? "";
  if (status === 206) {
    const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(range) ?? [];
    if (Number(first) === at && last !== undefined) return Number(last) + 1;
  } else if (status === 416) {
    // The file ends before the requested range.
    return Number(/^bytes \*\/(\d+)$/.exec(range)?.[1] ?? at);
  } else if (at === 0) {
    const length = headers.get("content-length");
    if (length !== null) return Number(length);
  }
  throw unsuitable(uri, `for a request from byte ${at} it answered ${status}`);
}

const unsuitable = (uri: string, what: string) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "StoreUnsuitable",
    `${uri}: the store does not support range requests: ${what}`,
  );

const changed = (uri: string) =>
  corrupt("InputChanged", `${uri}: changed while it was read; run again once nothing writes to it`);

const short = (uri: string, bytes: number, expected: number) =>
  corrupt("FileShort", `${uri}: ends at byte ${bytes}, ${expected} expected`);
