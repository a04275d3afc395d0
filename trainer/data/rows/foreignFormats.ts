/**
 * Files that are no text: archives, compressed files, tables. None is read here: to unpack what others made is to trust
 * it with memory and disk. They are known by their name before anything is read, and by how they begin once they are. Pure.
 */
import { invalid } from "../../contract/failure.ts";

/** So many bytes of a file tell. */
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
  const written = Buffer.from(beginning.subarray(0, tellingBytes)).toString("hex");
  return kinds.find(({ begins, at = 0 }) => written.startsWith(begins, 2 * at))?.name;
}

/** Throws a failure for a file that begins with these bytes and has no rows of JSON. */
export function requireRows(uri: string, beginning: Uint8Array): void {
  const found = foreignFormat(beginning);
  if (found !== undefined) throw unsupported(uri, found);
}

/** Throws a failure for a file whose name says that it has no rows of JSON. */
export function requireRowsByName(uri: string): void {
  const ending = packedName.exec(uri)?.[0];
  if (ending !== undefined) throw unsupported(uri, `a ${ending} file`);
}

const unsupported = (uri: string, what: string) =>
  invalid(
    "DataUnsupported",
    `${uri}: is ${what}; data are JSON lines or a JSON list, not packed and not compressed: unpack it, or write its rows as JSON lines`,
  );
