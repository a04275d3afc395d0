/**
 * Cuts a file of JSON into its rows while it streams: JSON Lines (one value a line, empty lines skipped), or the elements
 * of one JSON list, told apart by the first character. Line numbers count from 1. Memory is bounded by the longest row,
 * which has a limit; a longer row is skipped without being stored.
 */
import { invalid } from "../../contract/failure.ts";
import { backslash, closeBrace, closeBracket, comma, lineFeed, openBrace, openBracket, quote } from "./jsonBytes.ts";

/** Far more than fits the longest sequence. */
export const maxRowBytes = 16 * 1024 * 1024;

export interface RawRow {
  /** Where the row begins. */
  readonly line: number;
  /** Empty where it is too long. */
  readonly bytes: Uint8Array;
  readonly tooLong?: true;
}

interface Splitter {
  /** The rows that end in this chunk. */
  push(chunk: Uint8Array): RawRow[];
  /** The row that the file ends with, if it has not ended yet. */
  end(): RawRow[];
}

/** EF BB BF before the first row. */
const byteOrderMark = [0xef, 0xbb, 0xbf];

const isSpace = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === lineFeed;

/** The parts of an unfinished row, up to the limit. */
class Pending {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  tooLong = false;

  add(part: Uint8Array): void {
    if (this.tooLong || part.length === 0) return;
    this.#bytes += part.length;
    this.tooLong = this.#bytes > maxRowBytes;
    if (this.tooLong) this.#parts = [];
    else this.#parts.push(part);
  }

  /** The row, and begins the next. */
  take(line: number): RawRow {
    const [only = new Uint8Array(), ...others] = this.#parts;
    const bytes = others.length === 0 ? only : Buffer.concat(this.#parts);
    const row: RawRow = this.tooLong ? { line, bytes: new Uint8Array(), tooLong: true } : { line, bytes };
    this.#parts = [];
    this.#bytes = 0;
    this.tooLong = false;
    return row;
  }
}

class LineSplitter implements Splitter {
  readonly #pending = new Pending();
  #line = 1;
  /** The present row was given out already: it is too long. */
  #given = false;

  push(chunk: Uint8Array): RawRow[] {
    const rows: RawRow[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#pending.add(chunk.subarray(start, end));
      this.#give(rows);
      this.#given = false;
      this.#line++;
      start = end + 1;
    }
    if (this.#given) return rows;
    this.#pending.add(chunk.subarray(start));
    // At once: what has no line feed may never end.
    if (this.#pending.tooLong) this.#give(rows);
    return rows;
  }

  end(): RawRow[] {
    const rows: RawRow[] = [];
    this.#give(rows);
    return rows;
  }

  #give(rows: RawRow[]): void {
    const row = this.#pending.take(this.#line);
    if (this.#given) return;
    if (row.tooLong || !row.bytes.every(isSpace)) rows.push(row);
    this.#given = row.tooLong === true;
  }
}

class ListSplitter implements Splitter {
  readonly #name: string;
  readonly #pending = new Pending();
  #line = 1;
  #elementLine = 1;
  /** Of open lists and objects; 1 is the list itself, 0 before and after it. */
  #depth = 0;
  #inText = false;
  #escaped = false;
  #elements = 0;
  #inElement = false;
  #ended = false;

  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Uint8Array): RawRow[] {
    const rows: RawRow[] = [];
    /** Where the part of the element begins that is not pending yet. */
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === lineFeed) this.#line++;
      if (this.#inText) this.#inside(byte);
      else if (this.#depth === 0) this.#outside(byte);
      else if (this.#depth === 1 && (byte === comma || byte === closeBracket)) {
        if (this.#inElement) this.#pending.add(chunk.subarray(start, i));
        this.#endElement(byte === closeBracket, rows);
      } else {
        if (!this.#inElement && !isSpace(byte)) start = this.#beginElement(i);
        this.#nest(byte);
      }
    }
    if (this.#inElement) this.#pending.add(chunk.subarray(start));
    return rows;
  }

  end(): RawRow[] {
    if (this.#ended) return [];
    throw invalid("BadRow", `${this.#name}:${this.#line}: the list has no end: the file is truncated`);
  }

  #inside(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === backslash) this.#escaped = true;
    else if (byte === quote) this.#inText = false;
  }

  #outside(byte: number): void {
    if (isSpace(byte)) return;
    if (this.#ended)
      throw invalid(
        "BadRow",
        `${this.#name}:${this.#line}: something comes after the end of the list; a file is one list of rows, or has one row a line`,
      );
    if (byte === openBracket) this.#depth = 1;
  }

  #beginElement(at: number): number {
    this.#inElement = true;
    this.#elementLine = this.#line;
    return at;
  }

  #endElement(last: boolean, rows: RawRow[]): void {
    // An empty list has no element; an element that is missing between commas is a bad row.
    if (this.#inElement || !last || this.#elements > 0) {
      rows.push(this.#pending.take(this.#inElement ? this.#elementLine : this.#line));
      this.#elements++;
    }
    this.#inElement = false;
    if (!last) return;
    this.#ended = true;
    this.#depth = 0;
  }

  #nest(byte: number): void {
    if (byte === quote) this.#inText = true;
    else if (byte === openBrace || byte === openBracket) this.#depth++;
    else if ((byte === closeBrace || byte === closeBracket) && this.#depth > 1) this.#depth--;
  }
}

/** Splits the file `name` into rows, chunk by chunk. Throws a failure for a truncated list. */
export class RowSplitter implements Splitter {
  readonly #name: string;
  #splitter: Splitter | undefined;
  /** White space before the first row, and a byte-order mark. */
  #before: Uint8Array = new Uint8Array();

  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Uint8Array): RawRow[] {
    if (this.#splitter) return this.#splitter.push(chunk);
    const begun = Buffer.concat([this.#before, chunk]);
    const marked = byteOrderMark.every((byte, index) => begun[index] === byte);
    const first = begun.findIndex((byte, index) => !isSpace(byte) && !(index < 3 && byte === byteOrderMark[index]));
    if (first < 0) {
      this.#before = begun;
      return begun.length > maxRowBytes ? this.#begin(new LineSplitter(), begun) : [];
    }
    const splitter = begun[first] === openBracket ? new ListSplitter(this.#name) : new LineSplitter();
    return this.#begin(splitter, marked ? begun.subarray(byteOrderMark.length) : begun);
  }

  end(): RawRow[] {
    return this.#splitter?.end() ?? [];
  }

  #begin(splitter: Splitter, bytes: Uint8Array): RawRow[] {
    this.#splitter = splitter;
    this.#before = new Uint8Array();
    return splitter.push(bytes);
  }
}
