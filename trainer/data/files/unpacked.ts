/**
 * Unpacks a file that is compressed with gzip or Zstandard while it streams; its first bytes decide. The memory is bounded
 * by the formats' windows, and a file that expands far beyond what text does is refused before it exhausts disk or time.
 */
import { Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { corrupt, invalid } from "../../contract/failure.ts";
import type { Peeked } from "./peeked.ts";
import { FrameError, zstdFrames } from "./zstdFrames.ts";

/** Text rarely expands to more than 20 times its size. */
const mostExpansion = 250;
/** Bytes that every file may expand to. */
const freeBytes = 2 ** 28;

interface Format {
  readonly name: string;
  readonly ending: RegExp;
  readonly begins: readonly number[];
  readonly unpack: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

const formats: readonly Format[] = [
  { name: "gzip", ending: /\.gz$/i, begins: [0x1f, 0x8b], unpack: (chunks) => through(chunks, createGunzip()) },
  { name: "Zstandard", ending: /\.(zst|zstd)$/i, begins: [0x28, 0xb5, 0x2f, 0xfd], unpack: unpackFrames },
];

/** Bytes that tell whether a file is compressed. */
export const packedBytes = 512;

/** The bytes of a file whose first `packedBytes`, or all of them, are known. */
export function unpacked(uri: string, { beginning, chunks }: Peeked): AsyncIterable<Uint8Array> {
  const format = formats.find(({ begins }) => begins.every((byte, index) => beginning[index] === byte));
  if (format !== undefined) return decompressed(uri, chunks, format);
  // Some programs unpack a file while they copy it, and keep its name.
  const named = formats.find(({ ending }) => ending.test(uri));
  const isBinary = beginning.subarray(0, packedBytes).some((byte) => byte < 0x09);
  if (named !== undefined && isBinary) throw damaged(uri, named.name);
  return chunks;
}

async function* decompressed(
  uri: string,
  chunks: AsyncIterable<Uint8Array>,
  { name, unpack }: Format,
): AsyncIterable<Uint8Array> {
  let [given, made] = [0, 0];
  async function* counted() {
    for await (const chunk of chunks) {
      given += chunk.length;
      yield chunk;
    }
  }
  try {
    for await (const chunk of unpack(counted())) {
      made += chunk.length;
      if (made > freeBytes && made > mostExpansion * given) throw expands(uri, name);
      yield chunk;
    }
  } catch (error) {
    throw isOfFormat(error) ? damaged(uri, name) : error;
  }
}

async function* unpackFrames(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const frame of zstdFrames(chunks)) yield* through(frame, createZstdDecompress());
}

async function* through(chunks: AsyncIterable<Uint8Array>, decoder: Transform): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: false });
  source.on("error", (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    yield* decoder;
  } finally {
    source.destroy();
    decoder.destroy();
  }
}

/** Other errors are the store's. */
const isOfFormat = (error: unknown) =>
  error instanceof FrameError ||
  (error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZSTD)/.test(String(error.code)));

const damaged = (uri: string, name: string) =>
  corrupt("DataDamaged", `${uri}: is damaged or truncated: it cannot be unpacked with ${name}; copy the file again`);

const expands = (uri: string, name: string) =>
  invalid(
    "DataUnsupported",
    `${uri}: is compressed with ${name} and expands to more than ${mostExpansion} times its size: unpack it and use the unpacked file`,
  );
