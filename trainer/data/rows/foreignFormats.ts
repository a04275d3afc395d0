/**
 * Recognises files that cannot be read: archives, text in other encodings and forms. They are recognised by name before
 * reading, and by their first bytes afterwards. Pure.
 */
import { invalid } from "../../contract/failure.ts";
import { foreignBeginning, foreignText, formBytes } from "./foreignText.ts";
import { otherEncoding } from "./otherEncoding.ts";

/** Number of bytes that identify a file. */
const tellingBytes = 512;

const packedName =
  /\.(zip|tar|tar\.gz|tgz|tar\.zst|bz2|xz|7z|rar|arrow|feather|avro|orc|h5|hdf5|sqlite|db|xlsx?|ods|pdf)$/i;

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

/** The kind of a file that begins with these bytes; undefined for one that may be text in UTF-8. */
export function foreignFormat(beginning: Uint8Array): string | undefined {
  const written = Buffer.from(beginning.subarray(0, tellingBytes)).toString("hex");
  const kind = kinds.find(({ begins, at = 0 }) => written.startsWith(begins, 2 * at))?.name;
  const wide = wideText(beginning);
  return (
    kind ?? (wide && `text in ${wide}`) ?? (isBinary(beginning.subarray(0, tellingBytes)) ? "a binary file" : undefined)
  );
}

/** A damaged row may contain a control character; a file with many is not text. */
const isBinary = (bytes: Uint8Array) => 16 * bytes.filter((byte) => byte < 0x09).length > bytes.length;

/** Detects UTF-16 and UTF-32 by the byte-order mark or by the zeros beside the first character. */
function wideText(beginning: Uint8Array): string | undefined {
  const [a, b, c, d] = beginning;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "UTF-32" : "UTF-16";
  if (a === 0xfe && b === 0xff) return "UTF-16";
  if (a === 0 && b === 0 && ((c === 0xfe && d === 0xff) || (c === 0 && d !== undefined && d !== 0))) {
    return "UTF-32";
  }
  if (a !== undefined && a !== 0 && b === 0 && c === 0 && d === 0) return "UTF-32";
  if (a === 0 && b !== undefined && b !== 0 && c === 0) return "UTF-16";
  if (a !== undefined && a !== 0 && b === 0 && c !== undefined && c !== 0 && d === 0) return "UTF-16";
  return undefined;
}

/**
 * Throws a failure for a file that begins with these bytes and has no JSON rows; `isWhole`: the file has no further
 * bytes. For text, more bytes give a more certain answer.
 */
export function requireRows(uri: string, beginning: Uint8Array, isWhole: boolean): void {
  requireText(uri, beginning);
  const found = foreignText(beginning, isWhole);
  if (found !== undefined) throw unsupported(uri, found);
}

/** Throws a failure for a file that begins with these bytes and is not text in UTF-8. */
function requireText(uri: string, beginning: Uint8Array): void {
  const wide = wideText(beginning);
  if (wide !== undefined) throw otherText(uri, wide);
  const found = foreignFormat(beginning);
  if (found !== undefined) throw unsupported(uri, found);
  const encoding = otherEncoding(beginning.subarray(0, formBytes));
  if (encoding !== undefined) throw otherText(uri, encoding);
}

function otherText(uri: string, encoding: string): Error {
  const isKnown = !encoding.includes(" ");
  const way = isKnown ? `: convert it with iconv -f ${encoding} -t UTF-8 FILE > NEW` : ": save the file in UTF-8";
  return invalid("DataUnsupported", `${uri}: is text in ${encoding}, but data must be in UTF-8${way}`);
}

/** The same for a table: it may have any text, but no page and no pointer in its place. */
export function requireTable(uri: string, beginning: Uint8Array): void {
  requireText(uri, beginning);
  const found = foreignBeginning(Buffer.from(beginning.subarray(0, formBytes)).toString("utf8"));
  if (found !== undefined) throw unsupported(uri, found);
}

/** Throws a failure for a file whose name shows that it has no rows. */
export function requireRowsByName(uri: string): void {
  const ending = packedName.exec(uri)?.[0];
  if (ending !== undefined) throw unsupported(uri, `a ${ending} file`);
}

const unsupported = (uri: string, what: string) =>
  invalid(
    "DataUnsupported",
    `${uri}: is ${what}; data must be JSON lines (one object per line), one JSON list of objects, a table (named .csv or .tsv) or Parquet, in UTF-8, alone or compressed with gzip or Zstandard: convert the file`,
  );
