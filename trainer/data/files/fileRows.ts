/**
 * The rows of a data file, as JSON: JSON lines, one JSON list, a table (CSV, TSV), Parquet; the first three may be compressed.
 * Parquet and compression are recognised by their first bytes, a table by its name. A file of another form, or in another
 * encoding, is a failure of the file before any row is read.
 */
import { corrupt } from "../../contract/failure.ts";
import { requireRows, requireTable } from "../rows/foreignFormats.ts";
import { foreignBeginning, formBytes } from "../rows/foreignText.ts";
import { type RawRow, RowSplitter } from "../rows/rowSplitter.ts";
import type { RandomFile } from "./columnPages.ts";
import { csvRows } from "./csvRows.ts";
import { dataName } from "./dataName.ts";
import { parquetRows } from "./parquetRows.ts";
import { type Peeked, peeked } from "./peeked.ts";
import { packedBytes, unpacked } from "./unpacked.ts";

export interface DataBytes extends RandomFile {
  stream(): AsyncIterable<Uint8Array>;
}

export async function* fileRows(file: DataBytes): AsyncIterable<RawRow[]> {
  const packed = await peeked(file.stream(), packedBytes);
  const isParquet = Buffer.from(packed.beginning.subarray(0, 4)).toString("latin1") === "PAR1";
  try {
    if (!isParquet) yield* textRows(file.uri, packed);
  } finally {
    await packed.close();
  }
  if (isParquet) yield* parquetRows(file);
}

async function* textRows(uri: string, packed: Peeked): AsyncIterable<RawRow[]> {
  const content = await peeked(unpacked(uri, packed), formBytes);
  try {
    yield* contentRows(uri, content);
  } finally {
    await content.close();
  }
}

async function* contentRows(uri: string, content: Peeked): AsyncIterable<RawRow[]> {
  const name = dataName(uri);
  if (name?.form === "csv" || name?.form === "tsv") {
    requireTable(uri, content.beginning);
    yield* csvRows(uri, name.form, content);
    return;
  }
  if (name?.form === "parquet" && !name.isCompressed) throw noParquet(uri, content.beginning);
  requireRows(uri, content.beginning, content.isWhole);
  yield* jsonRows(uri, content);
}

async function* jsonRows(uri: string, { chunks }: Peeked): AsyncIterable<RawRow[]> {
  const splitter = new RowSplitter(uri);
  for await (const chunk of chunks) yield splitter.push(chunk);
  yield splitter.end();
}

function noParquet(uri: string, beginning: Uint8Array): Error {
  const what = foreignBeginning(Buffer.from(beginning).toString("latin1"));
  const begins = what === undefined ? "does not begin as a Parquet file does (PAR1)" : `is ${what}`;
  return corrupt("DataDamaged", `${uri}: ${begins}; copy the file again`);
}
