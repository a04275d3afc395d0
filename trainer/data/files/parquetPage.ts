/**
 * Decodes one page of a column of a Parquet file. hyparquet decodes; this file checks first each size that the page declares,
 * so that a damaged or hostile page is an error before memory is taken. Pure.
 */
import { brotliDecompressSync, crc32, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { CompressionCodec, DecodedArray, PageHeader, ParquetParsers, SchemaTree } from "hyparquet";
import { assembleLists } from "hyparquet/src/assemble.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readPlain } from "hyparquet/src/plain.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";
import { snappyUncompress } from "hyparquet/src/snappy.js";
import { compressors } from "hyparquet-compressors";
import { rawNumber } from "../../contract/rawNumber.ts";
import { generousTime, withinTime } from "../rows/timeLimit.ts";
import { checkRuns } from "./runs.ts";

/** Larger pages are refused; writers make pages of about one megabyte. */
export const maxPageBytes = 128 * 2 ** 20;
/** Values of a page at most. */
const maxPageValues = 2 ** 23;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Texts are checked, not repaired; JSON stays text, which the row's reader parses strictly. */
export const parsers: ParquetParsers = {
  ...DEFAULT_PARSERS,
  stringFromBytes: (bytes: Uint8Array) => bytes && utf8.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array) => bytes && utf8.decode(bytes),
};

/** The column's properties that decoding a page requires. */
export interface PageColumn {
  readonly codec: CompressionCodec;
  /** From the root to the column. */
  readonly schemaPath: SchemaTree[];
  /** Values of the column chunk that no page has had yet. */
  readonly valuesLeft: number;
}

export const repeats = (schemaPath: SchemaTree[]) => getMaxRepetitionLevel(schemaPath) > 0;

/** How many values a page of data has. */
export function valuesOf(header: PageHeader): number {
  return header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
}

/** Throws for a page whose header is outside the limits. */
export function checkHeader(header: PageHeader, { valuesLeft }: PageColumn): void {
  const sizes = [header.compressed_page_size, Number(header.uncompressed_page_size)];
  if (header.type === undefined || !sizes.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new Error("the header of the page is invalid");
  }
  if (Math.max(...sizes) > maxPageBytes) {
    throw new Error(`the page has ${Math.max(...sizes)} bytes, more than ${maxPageBytes}`);
  }
  const values = header.dictionary_page_header?.num_values ?? valuesOf(header);
  const most = header.dictionary_page_header ? maxPageValues : Math.min(maxPageValues, valuesLeft);
  if (!Number.isInteger(values) || values < 0 || values > most) {
    throw new Error(`the page declares ${values} values; at most ${most} can follow`);
  }
}

export function decodeDictionary(bytes: Uint8Array, header: PageHeader, column: PageColumn): DecodedArray {
  return bounded(bytes, header, () => {
    const page = decompressed(bytes, Number(header.uncompressed_page_size), column.codec);
    const { type, type_length } = elementOf(column);
    if (type === undefined || header.dictionary_page_header === undefined) throw new Error("the dictionary is invalid");
    const reader = { view: viewOf(page), offset: 0 };
    return convert(readPlain(reader, type, header.dictionary_page_header.num_values, type_length), decoderOf(column));
  });
}

/** The page's rows, after those of `carried`, whose last row may continue in this page. */
export function decodePage(
  bytes: Uint8Array,
  header: PageHeader,
  column: PageColumn,
  { dictionary, carried }: { dictionary: DecodedArray | undefined; carried: unknown[] },
): unknown[] {
  return bounded(bytes, header, () => {
    const { page, encoding } = header.data_page_header
      ? firstVersion(bytes, header, column)
      : secondVersion(bytes, header, column);
    if (encoding.endsWith("_DICTIONARY")) checkIndices(page.dataPage, dictionary);
    const { definitionLevels, repetitionLevels, dataPage } = page;
    const values = convertWithDictionary(dataPage, dictionary, encoding, decoderOf(column));
    const before = repeats(column.schemaPath) ? carried : [];
    if (before.length === 0 && (repetitionLevels[0] ?? 0) !== 0) throw new Error("the first row has no beginning");
    const rows = assembleLists(before, definitionLevels, repetitionLevels, [...values], column.schemaPath);
    const whole = isFloat(column) ? floats(rows) : rows;
    return before === carried ? [...whole] : [...carried, ...whole];
  });
}

function firstVersion(bytes: Uint8Array, header: PageHeader, column: PageColumn) {
  const head = header.data_page_header;
  if (head === undefined) throw new Error("the page is neither data nor a dictionary");
  const content = decompressed(bytes, Number(header.uncompressed_page_size), column.codec);
  let at = 0;
  for (const level of levelsOf(column)) {
    if (level === 0) continue;
    if (at + 4 > content.length) throw new Error("the page ends within its levels");
    const end = at + 4 + viewOf(content).getUint32(at, true);
    checkRuns(content, { start: at + 4, end, width: widthOf(level), values: head.num_values });
    at = end;
  }
  checkData(content, at, head.encoding, head.num_values, column);
  return { page: readDataPage(content, head, decoderOf(column)), encoding: head.encoding };
}

function secondVersion(bytes: Uint8Array, header: PageHeader, column: PageColumn) {
  const head = header.data_page_header_v2;
  if (head === undefined) throw new Error("the page is neither data nor a dictionary");
  const [repetition, definition] = [head.repetition_levels_byte_length, head.definition_levels_byte_length];
  const levels = repetition + definition;
  const size = Number(header.uncompressed_page_size) - levels;
  if (!(repetition >= 0 && definition >= 0 && levels <= bytes.length && size >= 0 && head.num_nulls >= 0)) {
    throw new Error("the page ends within its levels");
  }
  if (head.num_nulls > head.num_values) throw new Error("the page declares more nulls than values");
  const [maxRepetition, maxDefinition] = levelsOf(column);
  if (maxRepetition > 0) {
    checkRuns(bytes, { start: 0, end: repetition, width: widthOf(maxRepetition), values: head.num_values });
  }
  if (maxDefinition > 0) {
    checkRuns(bytes, { start: repetition, end: levels, width: widthOf(maxDefinition), values: head.num_values });
  }
  const packed = bytes.subarray(levels);
  const isPacked = head.is_compressed !== false && size > 0;
  const content = isPacked ? decompressed(packed, size, column.codec) : packed;
  checkData(content, 0, head.encoding, head.num_values, column);
  const whole = new Uint8Array(levels + content.length);
  whole.set(bytes.subarray(0, levels));
  whole.set(content, levels);
  const own = { ...header, data_page_header_v2: { ...head, is_compressed: false } };
  return { page: readDataPageV2(whole, own, decoderOf(column)), encoding: head.encoding };
}

/** The runs of dictionary indices and of truth values. */
function checkData(bytes: Uint8Array, at: number, encoding: string, values: number, column: PageColumn): void {
  if (encoding.endsWith("_DICTIONARY") && values > 0 && at < bytes.length) {
    checkRuns(bytes, { start: at + 1, end: bytes.length, width: bytes[at]!, values });
  }
  if (encoding === "RLE" && elementOf(column).type === "BOOLEAN") {
    checkRuns(bytes, { start: at + 4, end: bytes.length, width: 1, values });
  }
}

function checkIndices(indices: DecodedArray, dictionary: DecodedArray | undefined): void {
  const known = dictionary?.length ?? 0;
  for (const index of indices) {
    if (!(Number(index) < known)) throw new Error("an index is outside of the dictionary");
  }
}

/** A copy of the page in separate memory, so a damaged length is an error and never reads adjacent memory. */
function decompressed(bytes: Uint8Array, size: number, codec: CompressionCodec): Uint8Array {
  const page = unpack(bytes, size, codec);
  if (page.length !== size) throw new Error(`the page has ${page.length} bytes, its header says ${size}`);
  return new Uint8Array(page);
}

function unpack(bytes: Uint8Array, size: number, codec: CompressionCodec): Uint8Array {
  const options = { maxOutputLength: Math.max(1, size) };
  switch (codec) {
    case "UNCOMPRESSED":
      return bytes;
    case "GZIP":
      return gunzipSync(bytes, options);
    case "ZSTD":
      return zstdDecompressSync(bytes, options);
    case "BROTLI":
      return brotliDecompressSync(bytes, options);
    case "SNAPPY": {
      const page = new Uint8Array(size);
      snappyUncompress(bytes, page);
      return page;
    }
    default: {
      const decompress = compressors[codec];
      if (decompress === undefined) throw new Error(`the compression ${codec} is not supported`);
      return decompress(bytes, size);
    }
  }
}

/** Decodes with the page's checksum, if it has one, and within a time limit. */
function bounded<T>(bytes: Uint8Array, { crc }: PageHeader, decode: () => T): T {
  if (crc !== undefined && crc32(bytes) !== crc >>> 0) throw new Error("the checksum of the page is wrong");
  return withinTime(generousTime, decode);
}

/** The highest level of repetition and of definition. */
const levelsOf = ({ schemaPath }: PageColumn): [number, number] => [
  getMaxRepetitionLevel(schemaPath),
  getMaxDefinitionLevel(schemaPath),
];

const widthOf = (level: number) => 32 - Math.clz32(level);

const elementOf = ({ schemaPath }: PageColumn) => schemaPath.at(-1)!.element;

function decoderOf(column: PageColumn) {
  const element = elementOf(column);
  const { type } = element;
  if (type === undefined) throw new Error("the column has no type");
  const { schemaPath } = column;
  const pathInSchema = schemaPath.slice(1).map((one) => one.element.name);
  // Bytes that are not declared as text stay bytes.
  return { pathInSchema, type, element, schemaPath, codec: "UNCOMPRESSED" as const, parsers, utf8: false };
}

const isFloat = (column: PageColumn) => ["FLOAT", "DOUBLE"].includes(elementOf(column).type ?? "");

/** Whole numbers of a column of floats are written as floats (2.0), as Python has them. */
function floats(rows: DecodedArray): unknown[] {
  return [...rows].map((value: unknown) => {
    if (Array.isArray(value)) return floats(value);
    const text = Number.isInteger(value) ? String(value) : "";
    return /^-?\d+$/.test(text) ? rawNumber(`${text}.0`) : value;
  });
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
