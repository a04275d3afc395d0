/**
 * Files that are no text: archives, compressed files, tables. None is read here: to unpack what others made is to trust
 * it with memory and disk. They are known by how they begin, whatever they are called. Pure.
 */
import { invalid } from "../failure.ts";

/** So many bytes of a file tell. */
export const tellingBytes = 512;

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
  { name: "an SQLite database", begins: "53514c69746520666f726d6174203300" },
];

/** What a file is that begins with these bytes, in words; undefined for one that may be text. */
export function foreignFormat(beginning: Uint8Array): string | undefined {
  const written = Buffer.from(beginning).toString("hex");
  return kinds.find(({ begins, at = 0 }) => written.startsWith(begins, 2 * at))?.name;
}

/** Throws a failure for a file that begins with these bytes and has no rows of JSON. */
export function requireRows(uri: string, beginning: Uint8Array): void {
  const found = foreignFormat(beginning);
  if (found === undefined) return;
  throw invalid(
    "DataUnsupported",
    `${uri}: is ${found}; data are JSON lines or a JSON list, not packed and not compressed: unpack it, or write its rows as JSON lines`,
  );
}
