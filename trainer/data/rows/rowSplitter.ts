/**
 * Splits a JSON file into its rows while it streams: JSON Lines (one value per line, empty lines skipped), or the
 * elements of one JSON list; the first character decides. Line numbers count from 1. The longest row bounds the memory;
 * a row over the limit is skipped without being kept.
 */
import { corrupt, invalid } from "../../contract/failure.ts";
import { jsonFault } from "../../contract/jsonFault.ts";
import { backslash, closeBrace, closeBracket, comma, lineFeed, openBrace, openBracket, quote } from "./jsonBytes.ts";

/** Far more than the longest sequence needs. */
export const maxRowBytes = 16 * 1024 * 1024;

export interface RawRow {
  /** The line where the row begins. */
  readonly line: number;
  /** Empty if the row has a fault. */
  readonly bytes: Uint8Array;
  /** Why the row is bad, if that is known before it is read. */
  readonly fault?: string;
}

export const tooLong = (line: number): RawRow => ({
  line,
  bytes: new Uint8Array(),
  fault: `is longer than ${maxRowBytes} bytes`,
});

const missing = (line: number): RawRow => ({
  line,
  bytes: new Uint8Array(),
  fault: "has a comma without an element of the list: remove the comma",
});

interface Splitter {
  /** The rows that end in this chunk. */
  push(chunk: Uint8Array): RawRow[];
  /** The last row of the file, if it is still open. */
  end(): RawRow[];
}

/** EF BB BF before the first row. */
const byteOrderMark = [0xef, 0xbb, 0xbf];

const isSpace = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === lineFeed;

/** The parts of an incomplete row, up to the limit. */
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

  /** Returns the row and starts the next. */
  take(line: number): RawRow {
    const [only = new Uint8Array(), ...others] = this.#parts;
    const bytes = others.length === 0 ? only : Buffer.concat(this.#parts);
    const row: RawRow = this.tooLong ? tooLong(line) : { line, bytes };
    this.#parts = [];
    this.#bytes = 0;
    this.tooLong = false;
    return row;
  }
}

class LineSplitter implements Splitter {
  readonly #name: string;
  readonly #pending = new Pending();
  #line: number;
  /** The current row was already returned as too long. */
  #given = false;

  constructor(name: string, line: number) {
    this.#name = name;
    this.#line = line;
  }

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
    // Reports at once, because a row without a line feed may never end.
    if (this.#pending.tooLong) this.#give(rows);
    return rows;
  }

  end(): RawRow[] {
    const rows: RawRow[] = [];
    this.#give(rows);
    if (rows.some(({ bytes }) => isCut(bytes)))
      throw corrupt(
        "DataDamaged",
        `${this.#name}:${this.#line}: the last line ends within an object, so the file is truncated: copy the file again`,
      );
    return rows;
  }

  #give(rows: RawRow[]): void {
    const row = this.#pending.take(this.#line);
    if (this.#given) return;
    const isBad = row.fault !== undefined;
    if (isBad || !row.bytes.every(isSpace)) rows.push(row);
    this.#given = isBad;
  }
}

/** Whether a line without an end begins an object and is JSON up to its end. */
function isCut(line: Uint8Array): boolean {
  const text = Buffer.from(line).toString("utf8").trim();
  if (!text.startsWith("{")) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return jsonFault(text).at >= text.length;
  }
}

class ListSplitter implements Splitter {
  readonly #name: string;
  readonly #pending = new Pending();
  #line: number;
  #elementLine = 1;
  /** Depth of open lists and objects; 1 is the list itself, 0 before and after it. */
  #depth = 0;
  #inText = false;
  #escaped = false;
  #elements = 0;
  #inElement = false;
  #ended = false;

  constructor(name: string, line: number) {
    this.#name = name;
    this.#line = line;
  }

  push(chunk: Uint8Array): RawRow[] {
    const rows: RawRow[] = [];
    /** The start of the element's part that is not pending yet. */
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
    throw corrupt(
      "DataDamaged",
      `${this.#name}:${this.#line}: the list is not closed, so the file is truncated: copy the file again`,
    );
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
        "DataInvalid",
        `${this.#name}:${this.#line}: there is content after the end of the list; a file must be one list of rows, or have one row per line`,
      );
    if (byte === openBracket) this.#depth = 1;
  }

  #beginElement(at: number): number {
    this.#inElement = true;
    this.#elementLine = this.#line;
    return at;
  }

  #endElement(last: boolean, rows: RawRow[]): void {
    // An empty list has no element; a missing element between commas is a bad row.
    if (this.#inElement || !last || this.#elements > 0) {
      rows.push(this.#inElement ? this.#pending.take(this.#elementLine) : missing(this.#line));
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

/** Rows of the file called `name`, chunk by chunk. Throws a failure for a truncated list or last line. */
export class RowSplitter implements Splitter {
  readonly #name: string;
  #splitter: Splitter | undefined;
  /** Bytes and lines of white space, and of a byte-order mark, before the first row. */
  #skipped = 0;
  #line = 1;

  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Uint8Array): RawRow[] {
    if (this.#splitter) return this.#splitter.push(chunk);
    let first = 0;
    for (; first < chunk.length; first++) {
      const byte = chunk[first]!;
      if (!isSpace(byte) && byte !== byteOrderMark[this.#skipped + first]) break;
      if (byte === lineFeed) this.#line++;
    }
    this.#skipped += first;
    if (first === chunk.length) return [];
    const isList = chunk[first] === openBracket;
    this.#splitter = isList ? new ListSplitter(this.#name, this.#line) : new LineSplitter(this.#name, this.#line);
    return this.#splitter.push(chunk.subarray(first));
  }

  end(): RawRow[] {
    return this.#splitter?.end() ?? [];
  }
}
