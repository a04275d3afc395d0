/**
 * Recognises files without JSON rows: archives, compressed files, tables, text in other encodings and forms. The trainer
 * reads none of them: unpacking a foreign file could exhaust memory or disk. Recognition is by name before reading, then
 * by the first bytes. Pure.
 */
import { invalid } from "../../contract/failure.ts";
import { foreignText } from "./foreignText.ts";

/** Number of first bytes that suffice. */
const tellingBytes = 512;

const packedName = /\.(zip|tar|gz|tgz|bz2|xz|zst|7z|rar|parquet|arrow|feather|avro|orc|h5|hdf5|sqlite|db)$/i;

interface Kind {
  name: string;
  at?: number;
  /** In hexadecimal. */
  begins: string;
}

const kinds: readonly Kind[] = [
  { name: "a ZIP archive", begins: "504b0304" },
  { name: "an empty ZIP archive", begins: "504b0506" },
  { name: "a gzip file", begins: "1f8b" },
  { name: "an LZ4 file", begins: "04224d18" },
  { name: "a compress file", begins: "1f9d" },
  { name: "a bzip2 file", begins: "425a68" },
  { name: "an xz file", begins: "fd377a585a00" },
  { name: "a Zstandard file", begins: "28b52ffd" },
  { name: "a 7z archive", begins: "377abcaf271c" },
  { name: "a RAR archive", begins: "526172211a07" },
  { name: "a tar archive", at: 257, begins: "7573746172" },
  { name: "a Parquet file", begins: "50415231" },
  { name: "an Arrow file", begins: "4152524f5731" },
  { name: "an Avro file", begins: "4f626a01" },
  { name: "an ORC file", begins: "4f5243" },
  { name: "an HDF5 file", begins: "894844460d0a1a0a" },
  { name: "a PDF", begins: "255044462d" },
  { name: "a NumPy array", begins: "934e554d5059" },
  { name: "a Python pickle", begins: "8004" },
  { name: "a Python pickle", begins: "8005" },
  { name: "an old Office document", begins: "d0cf11e0a1b11ae1" },
  { name: "an SQLite database", begins: "53514c69746520666f726d6174203300" },
];

/** Describes the kind of a file by its first bytes; undefined if it may be text in UTF-8. */
export function foreignFormat(beginning: Uint8Array): string | undefined {
  const written = Buffer.from(beginning.subarray(0, tellingBytes)).toString("hex");
  const kind = kinds.find(({ begins, at = 0 }) => written.startsWith(begins, 2 * at))?.name;
  return kind ?? wideText(beginning) ?? (isBinary(beginning.subarray(0, tellingBytes)) ? "a binary file" : undefined);
}

/** A row may be damaged, but a file full of zero bytes is not text. */
const isBinary = (bytes: Uint8Array) => 16 * bytes.filter((byte) => byte === 0).length > bytes.length;

/** Text with two or four bytes per character, by its byte-order mark or the zeros beside its first character. */
function wideText(beginning: Uint8Array): string | undefined {
  const [a, b, c, d] = beginning;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "text in UTF-32" : "text in UTF-16";
  if (a === 0xfe && b === 0xff) return "text in UTF-16";
  if (a === 0 && b === 0 && ((c === 0xfe && d === 0xff) || (c === 0 && d !== undefined && d !== 0))) {
    return "text in UTF-32";
  }
  if (a !== undefined && a !== 0 && b === 0 && c === 0 && d === 0) return "text in UTF-32";
  if (a === 0 && b !== undefined && b !== 0 && c === 0) return "text in UTF-16";
  if (a !== undefined && a !== 0 && b === 0 && c !== undefined && c !== 0 && d === 0) return "text in UTF-16";
  return undefined;
}

/**
 * Throws a failure if a file with these first bytes has no JSON rows. `isWhole`: these are all its bytes. More bytes make
 * the judgement of text more reliable.
 */
export function requireRows(uri: string, beginning: Uint8Array, isWhole: boolean): void {
  const found = foreignFormat(beginning) ?? foreignText(beginning, isWhole);
  if (found !== undefined) throw unsupported(uri, found);
}

/** Throws a failure if the file's name excludes JSON rows. */
export function requireRowsByName(uri: string): void {
  const ending = packedName.exec(uri)?.[0];
  if (ending !== undefined) throw unsupported(uri, `a ${ending} file`);
}

const unsupported = (uri: string, what: string) =>
  invalid(
    "DataUnsupported",
    `${uri}: is ${what}; data are JSON lines (one object a line) or one JSON list of objects, in UTF-8, not packed and not compressed: convert the file`,
  );
