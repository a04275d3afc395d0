/** Reads the pages of one column of a row group one after the other; memory holds a window of the file and a page's rows. */
import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { checkHeader, decodeDictionary, decodePage, maxPageBytes, repeats, valuesOf } from "./parquetPage.ts";

/** A file that is read in places. */
export interface RandomFile {
  readonly uri: string;
  readonly bytes: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Bytes read at a time from each column. */
const windowBytes = 1 << 20;
/** The bytes of the file that a column has. */
export function rangeOf({ dictionary_page_offset, data_page_offset, total_compressed_size }: ColumnMetaData) {
  const dictionary = Number(dictionary_page_offset ?? 0);
  const data = Number(data_page_offset);
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  return { start, end: start + Number(total_compressed_size) };
}

/** The pages of a column in a row group, one after the other. */
export class ColumnPages {
  readonly path: readonly string[];
  /** Offset in the file of the page that was read last. */
  pageAt: number;
  readonly #file: RandomFile;
  readonly #meta: ColumnMetaData;
  readonly #schemaPath: SchemaTree[];
  readonly #end: number;
  #at: number;
  #valuesLeft: number;
  #window = { start: 0, bytes: new Uint8Array() };
  #dictionary: DecodedArray | undefined;
  #rows: unknown[] = [];
  #next = 0;
  /** Bytes of pages since a row was complete. */
  #openBytes = 0;

  constructor(file: RandomFile, meta: ColumnMetaData, schemaPath: SchemaTree[]) {
    const { start, end } = rangeOf(meta);
    this.path = meta.path_in_schema;
    this.pageAt = start;
    this.#file = file;
    this.#meta = meta;
    this.#schemaPath = schemaPath;
    this.#at = start;
    this.#end = end;
    this.#valuesLeft = Number(meta.num_values);
  }

  /** Rows that are decoded and not taken. */
  get waiting(): number {
    return this.#rows.length - this.#next;
  }

  get hasMore(): boolean {
    return this.waiting > 0 || this.#valuesLeft > 0;
  }

  async take(count: number): Promise<unknown[]> {
    // The last row may continue in the next page.
    while (this.waiting < count + (this.#valuesLeft > 0 && repeats(this.#schemaPath) ? 1 : 0)) {
      if (this.#valuesLeft <= 0) throw new Error(`it has fewer rows than its row group`);
      await this.#page();
    }
    const taken = this.#rows.slice(this.#next, this.#next + count);
    this.#next += count;
    return taken;
  }

  async #page(): Promise<void> {
    const { header, length } = await this.#header();
    const column = { codec: this.#meta.codec, schemaPath: this.#schemaPath, valuesLeft: this.#valuesLeft };
    checkHeader(header, column);
    const start = this.#at + length;
    const bytes = await this.#bytes(start, header.compressed_page_size);
    this.#at = start + header.compressed_page_size;
    if (header.type === "DICTIONARY_PAGE") this.#dictionary = decodeDictionary(bytes, header, column);
    else if (header.type !== "INDEX_PAGE" && valuesOf(header) > 0) this.#decode(bytes, header, column);
  }

  #decode(bytes: Uint8Array, header: PageHeader, column: Parameters<typeof decodePage>[2]): void {
    const carried = this.#rows.slice(this.#next);
    const before = carried.length;
    this.#rows = decodePage(bytes, header, column, { dictionary: this.#dictionary, carried });
    this.#next = 0;
    this.#valuesLeft -= valuesOf(header);
    this.#openBytes = this.#rows.length > before ? 0 : this.#openBytes + Number(header.uncompressed_page_size);
    if (this.#openBytes > maxPageBytes) throw new Error(`a row has more than ${maxPageBytes} bytes`);
  }

  async #header(): Promise<{ header: PageHeader; length: number }> {
    this.pageAt = this.#at;
    const bytes = await this.#bytes(this.#at, Math.min(windowBytes, this.#end - this.#at));
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    return { header: parquetHeader(reader), length: reader.offset };
  }

  /** Bytes of the column; a view of the window. */
  async #bytes(start: number, length: number): Promise<Uint8Array> {
    const end = start + length;
    if (end > this.#end) throw new Error("the page extends past the column's end");
    const { start: from, bytes } = this.#window;
    if (start < from || end > from + bytes.length) {
      const until = Math.max(end, Math.min(this.#end, start + windowBytes));
      this.#window = { start, bytes: new Uint8Array(await this.#file.read(start, until)) };
    }
    return this.#window.bytes.subarray(start - this.#window.start, end - this.#window.start);
  }
}
