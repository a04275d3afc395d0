/**
 * A setting, declared once with its default. Four things follow from the declaration: the schema of the user's value,
 * whose description states the default; the value that the trainer computes with; the form with every default written
 * out; and the canonical form for the hashes. A table of settings is an object; a section is a table that is itself a
 * setting.
 */
import { z } from "zod";
import { canonicalDecimal, type DecimalBounds, decimal } from "./decimal.ts";
import { type Rule, ruled } from "./rules.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Values of the settings declared before this one, in this table and in the tables around it. */
export type Earlier = Readonly<Record<string, unknown>>;

/** `Written` is the user's form, `Value` the trainer's. */
export interface Setting<Written = unknown, Value = unknown> {
  /** The schema of the user's form, with its description. */
  readonly written: z.ZodType<Written>;
  /** The schema of the trainer's form. */
  readonly value: z.ZodType<Value>;
  read(written: Written, earlier: Earlier): Value;
  /** The user's form of a value; `written` keeps its spelling. Undefined when the setting has no value. */
  write(value: Value, written: Written | undefined): Written | undefined;
  /** One form for all spellings of a value; undefined is omitted from the hash. */
  canonical(value: Value, earlier: Earlier): Json | undefined;
  default(earlier: Earlier): Value;
  /** Whether a user who writes the table must set it. */
  readonly required: boolean;
  /** Omitted from the hash at its default, because the hashes of finished runs are older than the setting. */
  readonly later: boolean;
}

/** Settings by name, in the order in which they are declared. */
export type SettingTable = Readonly<Record<string, Setting>>;

type WrittenBy<One> = One extends Setting<infer Written, infer _Value> ? Written : never;
type ValueBy<One> = One extends Setting<infer _Written, infer Value> ? Value : never;

export type WrittenOf<Table extends SettingTable> = {
  [Name in keyof Table as Table[Name] extends Required ? Name : never]: WrittenBy<Table[Name]>;
} & {
  [Name in keyof Table as Table[Name] extends Required ? never : Name]?: WrittenBy<Table[Name]> | undefined;
};
export type ValuesOf<Table extends SettingTable> = { readonly [Name in keyof Table]: ValueBy<Table[Name]> };

interface Required {
  readonly required: true;
}

interface Words<Value, Default> {
  readonly description: string;
  /** A value, or a function of the settings before it. */
  readonly default: Default | ((earlier: Earlier) => Default);
  /** Text for the default instead of its value; empty when the description states it. */
  readonly defaultText?: string;
  readonly later?: boolean;
  readonly canonical?: (value: Value) => Json;
  /** The schema of the trainer's form, if imported adapters have values that a user may not write. */
  readonly value?: z.ZodType<Value>;
}

/** A setting that may have no value: it has no default, or its default is undefined. */
type OpenWords<Value> = Omit<Words<Value, Value | undefined>, "default" | "value"> &
  Partial<Pick<Words<Value, Value | undefined>, "default">> & { readonly value?: z.ZodType<Value | undefined> };

/**
 * A setting whose trainer form equals its user form.
 *
 * @example
 * setting(z.int().min(1).max(512), { description: "Width of the update.", default: 8 })
 */
export function setting<Value extends Json>(
  schema: z.ZodType<Value>,
  words: Words<NoInfer<Value>, NoInfer<Value>>,
): Setting<Value, Value>;
export function setting<Value extends Json>(
  schema: z.ZodType<Value>,
  words: OpenWords<NoInfer<Value>>,
): Setting<Value, Value | undefined>;
export function setting<Value extends Json>(
  schema: z.ZodType<Value>,
  words: OpenWords<NoInfer<Value>>,
): Setting<Value, Value | undefined> {
  const { canonical = (value: Value): Json => value } = words;
  return {
    written: schema.meta({ description: described(words) }),
    value: words.value ?? (words.default === undefined ? schema.optional() : schema),
    read: (written) => written,
    write: (value, written) => written ?? value,
    canonical: (value) => (value === undefined ? undefined : canonical(value)),
    default: defaultOf(words),
    required: false,
    later: words.later ?? false,
  };
}

/** A decimal: a string in the user's form, a number in the trainer's. */
export function decimalSetting(bounds: DecimalBounds, words: Words<number, number>): Setting<string, number>;
export function decimalSetting(bounds: DecimalBounds, words: OpenWords<number>): Setting<string, number | undefined>;
export function decimalSetting(bounds: DecimalBounds, words: OpenWords<number>): Setting<string, number | undefined> {
  const { canonical = canonicalDecimal } = words;
  return {
    written: decimal(described(words), bounds),
    value: words.value ?? (words.default === undefined ? z.number().optional() : z.number()),
    read: Number,
    write: (value, written) => written ?? (value === undefined ? undefined : String(value)),
    canonical: (value) => (value === undefined ? undefined : canonical(value)),
    default: defaultOf(words),
    required: false,
    later: words.later ?? false,
  };
}

/** The same setting or section without a default: when omitted, its value is undefined and no hash includes it. */
export const withoutDefault = <Written, Value>(one: Setting<Written, Value>): Setting<Written, Value | undefined> => ({
  ...one,
  value: one.value.optional(),
  write: (value, written) => (value === undefined ? undefined : one.write(value, written)),
  canonical: (value, earlier) => (value === undefined ? undefined : one.canonical(value, earlier)),
  default: () => undefined,
});

/** The same setting outside of the hash: it changes no bit of a result. */
export const unhashed = <Written, Value>(one: Setting<Written, Value>): Setting<Written, Value> => ({
  ...one,
  canonical: () => undefined,
});

/** A setting or a section that was added after the first release: hashes omit it at its default. */
export const later = <Written, Value>(one: Setting<Written, Value>): Setting<Written, Value> => ({
  ...one,
  later: true,
});

export const required = <Written, Value>(one: Setting<Written, Value>): Setting<Written, Value> & Required => ({
  ...one,
  required: true,
});

/** A table as a setting of the table around it. When omitted, it has all of its defaults. */
export function section<const Table extends SettingTable>(
  table: Table,
  words: { description: string; rules?: readonly Rule<WrittenOf<Table>>[]; hashed?: boolean },
): Setting<WrittenOf<Table>, ValuesOf<Table>> {
  return {
    written: ruled(writtenSchema(table), ...(words.rules ?? [])).meta({ description: words.description }),
    value: valueSchema(table),
    read: (written, earlier) => applied(table, written, earlier),
    write: (values, written) => writtenOut(table, values, written),
    canonical: (values, earlier) => (words.hashed === false ? undefined : canonical(table, values, earlier)),
    default: (earlier) => applied(table, undefined, earlier),
    required: false,
    later: false,
  };
}

type WrittenShape<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Required
    ? z.ZodType<WrittenBy<Table[Name]>>
    : z.ZodOptional<z.ZodType<WrittenBy<Table[Name]>>>;
};

/** The members of a table in the user's form, for an object that also has other members. */
export function writtenShape<Table extends SettingTable>(table: Table): WrittenShape<Table> {
  const members = Object.entries(table).map(([name, one]) => [
    name,
    one.required ? one.written : one.written.optional(),
  ]);
  // The shape is mapped by name, which the type of `fromEntries` cannot express.
  return Object.fromEntries(members) as WrittenShape<Table>;
}

/** The schema of a table in the user's form. */
export const writtenSchema = <Table extends SettingTable>(table: Table): z.ZodType<WrittenOf<Table>> =>
  z.strictObject(writtenShape(table)) as z.ZodType as z.ZodType<WrittenOf<Table>>;

/**
 * The schema of a table in the trainer's form: every setting is present, except those that are later than what may be
 * read, which then have their defaults.
 */
export function valueSchema<Table extends SettingTable>(
  table: Table,
  more: Readonly<Record<string, z.ZodType>> = {},
): z.ZodType<ValuesOf<Table>> {
  const members = Object.entries(table).map(([name, one]): [string, z.ZodType] => [
    name,
    one.later ? one.value.default(() => one.default({})) : one.value,
  ]);
  return z.strictObject({ ...more, ...Object.fromEntries(members) }) as z.ZodType as z.ZodType<ValuesOf<Table>>;
}

/** The values of a table in the trainer's form: the written ones, and defaults for the rest. */
export function applied<Table extends SettingTable>(
  table: Table,
  written: object | undefined,
  earlier: Earlier = {},
): ValuesOf<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(table)) {
    const given: unknown = written === undefined ? undefined : Reflect.get(written, name);
    const known = { ...earlier, ...values };
    values[name] = given === undefined ? one.default(known) : one.read(given, known);
  }
  return values as ValuesOf<Table>;
}

/** A table in the user's form with every default written out; written values keep their spelling. */
export function writtenOut<Table extends SettingTable>(
  table: Table,
  values: ValuesOf<Table>,
  written: object | undefined,
): WrittenOf<Table> {
  const members = Object.entries(table).flatMap(([name, one]) => {
    const given: unknown = written === undefined ? undefined : Reflect.get(written, name);
    const member = one.write(values[name], given);
    return member === undefined ? [] : [[name, member] as const];
  });
  return Object.fromEntries(members) as WrittenOf<Table>;
}

/** The canonical form of a table, for the hashes. */
export function canonical<Table extends SettingTable>(
  table: Table,
  values: ValuesOf<Table>,
  earlier: Earlier = {},
): { readonly [name in keyof Table & string]?: Json } {
  const known = { ...earlier, ...values };
  const members = Object.entries(table).flatMap(([name, one]) => {
    const form = one.canonical(values[name], known);
    const usual = one.later && JSON.stringify(form) === JSON.stringify(one.canonical(one.default(known), known));
    return form === undefined || usual ? [] : [[name, form] as const];
  });
  return Object.fromEntries(members) as { [name in keyof Table & string]?: Json };
}

function defaultOf<Value>({ default: given }: OpenWords<Value>): (earlier: Earlier) => Value | undefined {
  return (earlier) => (isFunction(given) ? given(earlier) : given);
}

function isFunction<Value>(given: OpenWords<Value>["default"]): given is (earlier: Earlier) => Value | undefined {
  return typeof given === "function";
}

function described<Value>({ description, defaultText, default: given }: OpenWords<Value>): string {
  const words = defaultText ?? (given === undefined ? "" : `Default ${String(given)}.`);
  return words === "" ? description : `${description} ${words}`;
}
