/**
 * Reads the rows of a Parquet file page by page, as JSON rows that count from 1: memory holds a page of each column and a
 * few rows, however large the row groups are. A struct's member without a value is left out, because Parquet cannot tell
 * it from a null. A damaged page is the file's fault, named with its column and row.
 */
import type { DecodedArray, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { parquetMetadataAsync, parquetSchema } from "hyparquet";
import { assembleNested } from "hyparquet/src/assemble.js";
import { getTreePath } from "hyparquet/src/schema.js";
import { corrupt, invalid, messageOf, StageFailure } from "../../contract/failure.ts";
import { rawNumber } from "../../contract/rawNumber.ts";
import { maxRowBytes, type RawRow, tooLong } from "../rows/rowSplitter.ts";
import { ColumnPages, type RandomFile, rangeOf } from "./columnPages.ts";
import { parsers } from "./parquetPage.ts";

/** Bytes of rows made at a time. */
const batchBytes = 1 << 18;
const maxFooterBytes = 64 * 2 ** 20;
const maxColumns = 1024;

export async function* parquetRows(file: RandomFile): AsyncIterable<RawRow[]> {
  const metadata = await readMetadata(file);
  let line = 1;
  for (const [index, group] of metadata.row_groups.entries()) {
    const groupRows = Number(group.num_rows);
    if (groupRows === 0) continue;
    const rows = groupRowsOf(file, metadata, index, line);
    const average = Number(group.total_byte_size) / Math.max(1, groupRows);
    const count = Math.max(1, Math.min(4096, Math.floor(batchBytes / Math.max(1, average))));
    for (let done = 0; done < groupRows; done += count) {
      const taken = await rows.take(Math.min(count, groupRows - done));
      yield taken.map((row, at) => rawRow(row, line + done + at));
    }
    rows.requireEnd(index + 1);
    line += groupRows;
  }
}

function groupRowsOf(file: RandomFile, metadata: FileMetaData, index: number, line: number): GroupRows {
  try {
    return new GroupRows(file, metadata, metadata.row_groups[index]!, line);
  } catch (error) {
    throw fault(error, file.uri, `row group ${index + 1} cannot be read`);
  }
}

function rawRow(row: unknown, line: number): RawRow {
  const bytes = Buffer.from(JSON.stringify(row, written));
  return bytes.length <= maxRowBytes ? { line, bytes } : tooLong(line);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Values that JSON lacks: large integers keep their digits, bytes are text if they can be. */
function written(this: unknown, _key: string, value: unknown): unknown {
  if (value === null || value === undefined) return Array.isArray(this) ? null : undefined;
  if (typeof value === "bigint") return rawNumber(String(value));
  if (!(value instanceof Uint8Array)) return ArrayBuffer.isView(value) ? [...(value as Int32Array)] : value;
  try {
    return utf8.decode(value);
  } catch {
    return Buffer.from(value).toString("base64");
  }
}

async function readMetadata(file: RandomFile): Promise<FileMetaData> {
  const { uri, bytes } = file;
  const tail = bytes < 12 ? new Uint8Array(8) : await file.read(bytes - 8, bytes);
  const [footer, magic] = [Buffer.from(tail).readUInt32LE(0), Buffer.from(tail).toString("latin1", 4)];
  if (magic === "PARE") throw invalid("DataUnsupported", `${uri}: is an encrypted Parquet file: write it unencrypted`);
  if (magic !== "PAR1") throw damaged(uri, "it does not end as a Parquet file does (PAR1): it is truncated");
  if (footer > bytes - 12 || footer > maxFooterBytes) {
    throw damaged(uri, `its footer declares ${footer} bytes, the file has ${bytes}`);
  }
  const slice = async (start: number, end = bytes) => ownBuffer(await file.read(start, end));
  try {
    const metadata = await parquetMetadataAsync(
      { byteLength: bytes, slice },
      { initialFetchSize: footer + 8, geoparquet: false },
    );
    requireSensible(metadata, bytes);
    return metadata;
  } catch (error) {
    throw fault(error, uri, "its footer cannot be read");
  }
}

/** Throws for counts that cannot be right. */
function requireSensible({ row_groups, schema }: FileMetaData, bytes: number): void {
  if (schema.length > maxColumns) throw new Error(`it has ${schema.length} columns, more than ${maxColumns}`);
  for (const { num_rows, total_byte_size, columns } of row_groups) {
    if (num_rows === 0n) continue;
    if (!(num_rows >= 0n && num_rows <= 2n ** 40n) || !(total_byte_size >= 0n)) {
      throw new Error("a row group has an invalid number of rows or bytes");
    }
    for (const { meta_data, file_path } of columns) {
      if (file_path) throw new Error("its columns are in other files");
      if (meta_data === undefined) throw new Error("a column has no description, or is encrypted");
      const { start, end } = rangeOf(meta_data);
      if (!(start >= 4 && start <= end && end <= bytes - 8)) throw new Error("a column is outside of the file");
    }
  }
}

/** The rows of a row group, from its first to its last. */
class GroupRows {
  readonly #tops: readonly { tree: SchemaTree; leaves: readonly ColumnPages[] }[];
  readonly #uri: string;
  #line: number;

  constructor(file: RandomFile, metadata: FileMetaData, { columns }: RowGroup, line: number) {
    const schema = parquetSchema(metadata);
    const leaves = columns.map(({ meta_data }) => {
      const path = getTreePath(schema, meta_data!.path_in_schema);
      return new ColumnPages(file, meta_data!, path);
    });
    this.#tops = schema.children.map((tree) => ({
      tree,
      leaves: leaves.filter(({ path }) => path[0] === tree.element.name),
    }));
    this.#uri = file.uri;
    this.#line = line;
  }

  async take(count: number): Promise<unknown[]> {
    const rows = Array.from({ length: count }, () => new Map<string, unknown>());
    for (const { tree, leaves } of this.#tops) {
      const data = new Map<string, DecodedArray>();
      for (const leaf of leaves) data.set(leaf.path.join("."), await this.#read(leaf, count));
      const values = this.#assembled(tree, data);
      for (const [index, row] of rows.entries()) row.set(tree.element.name, values[index]);
    }
    this.#line += count;
    return rows.map((row) => Object.fromEntries(row));
  }

  requireEnd(group: number): void {
    const open = this.#tops.flatMap(({ leaves }) => leaves).find((leaf) => leaf.hasMore);
    if (open)
      throw damaged(this.#uri, `row group ${group}: the column ${open.path.join(".")} has more rows than declared`);
  }

  async #read(leaf: ColumnPages, count: number): Promise<unknown[]> {
    try {
      return await leaf.take(count);
    } catch (error) {
      const where = `the column ${leaf.path.join(".")} is damaged in the page at byte ${leaf.pageAt}, after row ${this.#line + leaf.waiting - 1}`;
      throw fault(error, this.#uri, where);
    }
  }

  #assembled(tree: SchemaTree, data: Map<string, DecodedArray>): DecodedArray {
    try {
      if (tree.children.length > 0) assembleNested(data, tree, parsers);
      const values = data.get(tree.element.name);
      if (values === undefined) throw new Error("a part of it is missing");
      return values;
    } catch (error) {
      throw fault(error, this.#uri, `the column ${tree.element.name} cannot be read near row ${this.#line}`);
    }
  }
}

const ownBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

const damaged = (uri: string, what: string) =>
  corrupt("DataDamaged", `${uri}: ${what}; copy the file again, or write it again`);

function fault(error: unknown, uri: string, what: string): Error {
  // Errors of the store keep their reason.
  if (error instanceof StageFailure || (error instanceof Error && "code" in error && !isOfZlib(error.code)))
    return error;
  return damaged(uri, `${what} (${reasonOf(error)})`);
}

/** Unexpected decoder errors mean nothing to users. */
function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "a size or an offset is invalid";
  return error instanceof TypeError ? "a part is missing or invalid" : messageOf(error);
}

const isOfZlib = (code: unknown) => /^(Z_|ZSTD_|ERR_|BROTLI)/.test(String(code));
