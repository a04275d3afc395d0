/**
 * JSON Lines from a stream of bytes: one value a line, empty lines skipped, line numbers from 1. Memory is bounded by the
 * longest line, which has a limit.
 */
import { invalid } from "../failure.ts";
import { RowError } from "./example.ts";

export const maxLineBytes = 64 * 1024 * 1024;

export interface Line {
  number: number;
  bytes: Uint8Array;
}

/** Splits the chunks of file `name` at line feeds. Throws a failure for a line over `maxLineBytes`. */
export async function* lines(chunks: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Line> {
  let number = 1;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield { number: number++, bytes: joined(pending, chunk.subarray(start, end)) };
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > maxLineBytes) {
      throw invalid("BadRow", `${name}:${number}: longer than ${maxLineBytes} bytes; is this JSON Lines?`);
    }
  }
  if (pendingBytes > 0) yield { number, bytes: joined(pending, new Uint8Array()) };
}

const joined = (pending: Uint8Array[], last: Uint8Array) =>
  pending.length === 0 ? last : Buffer.concat([...pending, last]);

export const isBlank = ({ bytes }: Line) => bytes.every((byte) => byte === 32 || byte === 9 || byte === 13);

/** The value on a line. Throws `RowError`. */
export function parseLine({ bytes }: Line): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RowError("is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RowError(`is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}
