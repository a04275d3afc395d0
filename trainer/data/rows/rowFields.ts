/**
 * The fields of a row, by the names of its format. A requested field counts as read; `unread` lists the rest, so that no
 * column is dropped silently. Pure except for that record.
 */
import { z } from "zod";
import type { Columns } from "../../contract/settings.ts";
import { JsonFloat, RowError } from "./example.ts";

export type Row = Readonly<Record<string, unknown>>;
export type Field = keyof Columns;

export const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat);

/** Own members only: a column named toString is a column. */
export const ownMember = (row: Row, name: string) => (Object.hasOwn(row, name) ? row[name] : undefined);

/** The notations of a missing value in tables. */
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

  /** Throws `RowError` for what is not an object. */
  constructor(row: unknown, columns: Columns) {
    if (!isRow(row)) throw new RowError("is not a JSON object");
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

  /** A member of the row by its own name, which no column renames; it stays unread. */
  member(name: string): unknown {
    return ownMember(this.#row, name);
  }

  text(field: Field): string {
    return check(longText, this.get(field), field);
  }

  /** Absent, null and "" are the same here. */
  optionalText(field: Field): string {
    return check(textOrNone, this.get(field), field) ?? "";
  }

  filledText(field: Field): string {
    const value = this.text(field);
    if (value === "") throw new RowError(`${field}: is empty`);
    return value;
  }

  /** Names of the columns that were read, and of those that hold something and were not. */
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

export function check<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RowError(issueOf(parsed.error, field));
}

export function issueOf(error: z.ZodError, at: string): string {
  const issue = error.issues[0]!;
  return `${[at, ...issue.path].join(".")}: ${issue.message}`;
}
