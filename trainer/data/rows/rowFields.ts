/**
 * The fields of a row by their names in its format. A requested field counts as read; `unread` names the others, so
 * that no column is dropped silently. Pure except for this record.
 */
import { z } from "zod";
import { issueText } from "../../contract/plainIssue.ts";
import type { Columns } from "../../contract/settings.ts";
import { JsonFloat, RowError } from "./example.ts";
import { parseStrictly } from "./strictJson.ts";

export type Row = Readonly<Record<string, unknown>>;
export type Field = keyof Columns;

export const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat);

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value === null) return "null";
  return typeof value === "object" || typeof value === "number" ? "a number" : `a ${typeof value}`;
}

/** Own members only, so that a column named toString works. */
export const ownMember = (row: Row, name: string) => (Object.hasOwn(row, name) ? row[name] : undefined);

/** All the ways in which tables write a missing value. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return Array.isArray(value) ? value.length === 0 : isRow(value) && Object.keys(value).length === 0;
}

export const longText = z.string().max(16_777_216);
const textOrNone = longText.nullish();

export class RowFields {
  readonly #row: Row;
  readonly #columns: Columns;
  readonly #read = new Set<string>();

  /** Throws `RowError` for a row that is not an object. */
  constructor(row: unknown, columns: Columns) {
    if (!isRow(row)) throw new RowError(`is ${kindOf(row)}, not a JSON object`);
    this.#row = row;
    this.#columns = columns;
  }

  has(...fields: readonly Field[]): boolean {
    return fields.every((field) => this.#value(field) !== undefined);
  }

  get(field: Field): unknown {
    this.#read.add(this.#nameOf(field));
    return this.#value(field);
  }

  /** A member of the row by its name in the data; it stays unread. */
  member(name: string): unknown {
    return ownMember(this.#row, name);
  }

  /** The same, which counts as read. */
  readMember(name: string): unknown {
    this.#read.add(name);
    return this.member(name);
  }

  text(field: Field): string {
    return check(longText, this.get(field), field);
  }

  /** Treats absent, null and "" alike. */
  optionalText(field: Field): string {
    return check(textOrNone, this.get(field), field) ?? "";
  }

  filledText(field: Field): string {
    const value = this.text(field);
    if (value === "") throw new RowError(`${field}: is empty`);
    return value;
  }

  /** Names of the columns that were read, and of unread ones that hold a value. */
  names(): { used: string[]; ignored: string[] } {
    const held = Object.keys(this.#row).filter((name) => !isEmpty(this.#row[name]));
    return {
      used: held.filter((name) => this.#read.has(name)),
      ignored: held.filter((name) => !this.#read.has(name)),
    };
  }

  #nameOf(field: Field): string {
    return this.#columns[field] ?? field;
  }

  #value(field: Field): unknown {
    return ownMember(this.#row, this.#nameOf(field));
  }
}

/** A list or an object that is written as JSON text, as tables hold it; other values as they are. */
export function unwritten(value: unknown, field: string): unknown {
  return typeof value === "string" && /^\s*[[{]/.test(value) ? parseStrictly(value, field) : value;
}

export function check<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RowError(issueOf(parsed.error, field));
}

export const issueOf = (error: z.ZodError, at: string): string => issueText(error.issues[0]!, at);
