/**
 * Reads the rows of a table in CSV or TSV while it streams, as JSON rows with the line where each begins. The first line
 * names the columns; every value is a text. A line `sep=;` before it, which Excel writes, only names the separator. Quotes are strict (RFC 4180): a quote that is not closed is the file's fault, and
 * is found within the bytes of the longest row.
 */
import { CsvError, type Parser, parse } from "csv-parse";
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";
import { maxRowBytes, type RawRow } from "../rows/rowSplitter.ts";
import type { Peeked } from "./peeked.ts";

type Table = "csv" | "tsv";

const delimiters = [",", ";", "\t", "|"] as const;
const byteOrderMark = [0xef, 0xbb, 0xbf];
const maxColumns = 1024;

/** The rows of the table, a chunk at a time; the beginning has its first line. */
export async function* csvRows(
  uri: string,
  table: Table,
  { beginning, chunks }: Pick<Peeked, "beginning" | "chunks">,
): AsyncIterable<RawRow[]> {
  requireTable(uri, Buffer.from(beginning).toString("latin1"));
  const isMarked = byteOrderMark.every((byte, index) => beginning[index] === byte);
  let skip = isMarked ? byteOrderMark.length : 0;
  const records = new Records(uri, table, delimiterOf(table, Buffer.from(beginning)));
  for await (const chunk of chunks) {
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    yield await records.push(chunk.subarray(skipped));
  }
  yield await records.end();
}

/** A quote after a brace is not valid in a table, so this is JSON with a table's name. */
function requireTable(uri: string, beginning: string): void {
  if (!/^(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*"/.test(beginning)) return;
  throw invalid(
    "DataUnsupported",
    `${uri}: is JSON, but its name is that of a table: rename it to end with .jsonl, or .json for a list`,
  );
}

/** The first line of a CSV file for Excel. */
const namedSeparator = /^"?sep=([^"\r\n])"?[\r\n]/i;

/** For CSV, the separator that the first line names, else the one that is most frequent in it, outside of quotes. */
function delimiterOf(table: Table, beginning: Buffer): string {
  if (table === "tsv") return "\t";
  const text = beginning.toString("latin1").replace(/^\xef\xbb\xbf/, "");
  const [, named] = namedSeparator.exec(text) ?? [];
  if (named !== undefined) return named;
  const line = text.replaceAll(/"[^"]*"/g, "").split(/[\r\n]/, 1)[0]!;
  const count = (delimiter: string) => line.split(delimiter).length;
  return delimiters.reduce((best, one) => (count(one) > count(best) ? one : best));
}

/** With `raw`, the library passes the record beside its bytes. */
const passed = z.object({ record: z.array(z.string()), raw: z.string() });

const utf8 = new TextDecoder("utf-8", { fatal: true });

class Records {
  readonly #uri: string;
  readonly #isCsv: boolean;
  readonly #parser: Parser;
  #names: readonly string[] | undefined;
  #rows: RawRow[] = [];
  /** The line that follows the last record. */
  #line = 1;
  #failure: unknown;

  constructor(uri: string, table: Table, delimiter: string) {
    this.#uri = uri;
    this.#isCsv = table === "csv";
    this.#parser = parse({
      delimiter,
      // Bytes as characters, so that they can be checked.
      encoding: "latin1",
      record_delimiter: ["\r\n", "\n", "\r"],
      max_record_size: maxRowBytes,
      relax_column_count: true,
      // Tables with tabs often have no quotes: then a quote is a character.
      relax_quotes: table === "tsv",
      skip_empty_lines: true,
      raw: true,
      on_record: (given: unknown) => {
        const { record, raw } = passed.parse(given);
        this.#add(record, raw);
        return null;
      },
    });
    this.#parser.on("error", (error) => (this.#failure ??= error));
    this.#parser.resume();
  }

  /** The rows that end in this chunk. Rejects with the file's fault. */
  async push(chunk: Uint8Array): Promise<RawRow[]> {
    await new Promise<void>((resolve) => this.#parser.write(Buffer.from(chunk), () => resolve()));
    return this.#taken();
  }

  /** The last row of a file without a line end. */
  async end(): Promise<RawRow[]> {
    await new Promise<void>((resolve) => {
      this.#parser.once("close", () => resolve());
      this.#parser.end();
    });
    return this.#taken();
  }

  #taken(): RawRow[] {
    const rows = this.#rows;
    this.#rows = [];
    if (this.#failure !== undefined) throw this.#fault(this.#failure);
    return rows;
  }

  #add(record: readonly string[], raw: string): void {
    const skipped = lineEnds(/^[\r\n]*/.exec(raw)?.[0] ?? "");
    const line = this.#line + skipped;
    this.#line += Math.max(skipped + 1, lineEnds(raw));
    if (line === 1 && this.#isCsv && namedSeparator.test(raw)) return;
    if (this.#names === undefined) this.#names = this.#header(record, line);
    else this.#rows.push(this.#row(record, this.#names, line));
  }

  #header(record: readonly string[], line: number): string[] {
    if (record.length > maxColumns) {
      throw invalid(
        "DataInvalid",
        `${this.#uri}:${line}: the table has ${record.length} columns, more than ${maxColumns}`,
      );
    }
    // pandas writes its index without a name.
    const names = record.map((name, index) => this.#text(name, line).trim() || `Unnamed: ${index}`);
    const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
    if (twice < 0) return names;
    const both = `${names.indexOf(names[twice]!) + 1} and ${twice + 1}`;
    throw invalid("DataInvalid", `${this.#uri}:${line}: the columns ${both} have the same name: rename one`);
  }

  #row(record: readonly string[], names: readonly string[], line: number): RawRow {
    if (record.length !== names.length) {
      const fault = `has ${record.length} values, but the table has ${names.length} columns: add or remove values, or quote the separator`;
      return { line, bytes: new Uint8Array(), fault };
    }
    try {
      const values = record.map((value) => utf8.decode(Buffer.from(value, "latin1")));
      const row = Object.fromEntries(names.map((name, index) => [name, values[index]!]));
      return { line, bytes: Buffer.from(JSON.stringify(row)) };
    } catch {
      return { line, bytes: new Uint8Array(), fault: "is not UTF-8: save the file in UTF-8" };
    }
  }

  #text(value: string, line: number): string {
    try {
      return utf8.decode(Buffer.from(value, "latin1"));
    } catch {
      throw invalid("DataUnsupported", `${this.#uri}:${line}: is not UTF-8: save the file in UTF-8`);
    }
  }

  #fault(error: unknown): unknown {
    if (!(error instanceof CsvError)) return error;
    const at = `${this.#uri}:${typeof error.lines === "number" ? error.lines : this.#line}`;
    const begun = `in the row that begins near line ${this.#line}`;
    switch (error.code) {
      case "CSV_QUOTE_NOT_CLOSED":
        return invalid(
          "DataInvalid",
          `${at}: a quote ${begun} is not closed: close it, or double the quotes inside values`,
        );
      case "CSV_MAX_RECORD_SIZE":
        return invalid(
          "DataInvalid",
          `${at}: the row that begins near line ${this.#line} is longer than ${maxRowBytes} bytes: close the open quote, or shorten the row`,
        );
      case "CSV_INVALID_CLOSING_QUOTE":
      case "INVALID_OPENING_QUOTE":
        return invalid(
          "DataInvalid",
          `${at}: a quote stands inside a value ${begun}: put the value in quotes, and double the quotes inside`,
        );
      default:
        return invalid("DataInvalid", `${at}: the table cannot be read ${begun} (${error.code})`);
    }
  }
}

const lineEnds = (text: string) => text.match(/\r\n|\r|\n/g)?.length ?? 0;
