/**
 * A stream whose beginning is known. `chunks` gives every byte, the beginning included. The stream is open until `chunks` or
 * `close` ends it: a reader that stops before it iterates over `chunks` must call `close`.
 */

export interface Peeked {
  /** At least the requested number of bytes, or all of a shorter stream. */
  readonly beginning: Uint8Array;
  /** Whether the beginning is all. */
  readonly isWhole: boolean;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the source stream; does nothing to one that has ended. */
  close(): Promise<void>;
}

export async function peeked(stream: AsyncIterable<Uint8Array>, bytes: number): Promise<Peeked> {
  const source = stream[Symbol.asyncIterator]();
  let beginning: Uint8Array = new Uint8Array();
  let isWhole = false;
  while (beginning.length < bytes && !isWhole) {
    const next = await source.next();
    if (next.done === true) isWhole = true;
    else beginning = beginning.length === 0 ? next.value : Buffer.concat([beginning, next.value]);
  }
  const close = async () => {
    await source.return?.();
  };
  return { beginning, isWhole, chunks: following(beginning, source), close };
}

async function* following(beginning: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    if (beginning.length > 0) yield beginning;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
