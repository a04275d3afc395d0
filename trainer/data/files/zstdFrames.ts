/**
 * Splits a Zstandard file into its frames by the sizes of their blocks (RFC 8878). Node's decoder ends silently after the
 * first frame, and where a file is cut off; the splitter finds both. Skippable frames are left out.
 */

/** The file ends inside a frame, or is not Zstandard. */
export class FrameError extends Error {}

const magic = 0xfd2fb528;
const firstSkippable = 0x184d2a50;

/** Bytes of a stream in requested amounts. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to `most` bytes, as available; empty at the end. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return new Uint8Array();
      this.#chunk = next.value;
    }
    const taken = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(taken.length);
    return taken;
  }

  /** Exactly so many bytes, or none at the end. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const part = await this.some(missing);
      if (part.length === 0 && parts.length === 0) return undefined;
      if (part.length === 0) throw new FrameError("the file ends inside a frame");
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  async need(count: number): Promise<Buffer> {
    const bytes = await this.take(count);
    if (bytes === undefined) throw new FrameError("the file ends inside a frame");
    return bytes;
  }

  async *pass(count: number): AsyncIterable<Uint8Array> {
    for (let missing = count; missing > 0; ) {
      const part = await this.some(missing);
      if (part.length === 0) throw new FrameError("the file ends inside a frame");
      missing -= part.length;
      yield part;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

/** The frames one after the other; each must be read to its end before the next. */
export async function* zstdFrames(chunks: AsyncIterable<Uint8Array>): AsyncIterable<AsyncIterable<Uint8Array>> {
  const bytes = new Bytes(chunks);
  try {
    for (let begins = await bytes.take(4); begins !== undefined; begins = await bytes.take(4)) {
      const name = begins.readUInt32LE();
      if (name === magic) yield frame(begins, bytes);
      else if (name >= firstSkippable && name < firstSkippable + 16) await skip(bytes);
      else throw new FrameError("there is no frame");
    }
  } finally {
    await bytes.close();
  }
}

async function skip(bytes: Bytes): Promise<void> {
  for await (const _ of bytes.pass((await bytes.need(4)).readUInt32LE()));
}

async function* frame(begins: Buffer, bytes: Bytes): AsyncIterable<Uint8Array> {
  yield begins;
  const [descriptor = 0] = yield* kept(await bytes.need(1));
  const isSingle = (descriptor & 0x20) !== 0;
  const contentSize = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const rest = (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + contentSize;
  if (rest > 0) yield await bytes.need(rest);
  for (let isLast = false; !isLast; ) {
    const header = yield* kept(await bytes.need(3));
    const word = header.readUIntLE(0, 3);
    isLast = (word & 1) === 1;
    // A block of one repeated byte has that byte alone.
    yield* bytes.pass(((word >> 1) & 3) === 1 ? 1 : word >> 3);
  }
  if ((descriptor & 4) !== 0) yield await bytes.need(4);
}

async function* kept(bytes: Buffer): AsyncGenerator<Uint8Array, Buffer> {
  yield bytes;
  return bytes;
}
