/**
 * A method as operator and trainer speak of it: its settings, and what follows from them. How it trains is
 * `trainer/methods/<method>`. Everything here is derived from one declaration; nothing about a method is said twice.
 */
import { z } from "zod";
import type { Json, Setting } from "./setting.ts";

/** Settings of a method with every default applied. Only the method itself knows the fields. */
export type MethodSettings = { readonly kind: string; readonly [setting: string]: unknown };

/** What a training leaves: what is added to its base, or a whole model that needs none. */
export type MethodResult = "Adapter" | "Model";

/** Settings by name, in the order in which they are declared. */
export type SettingTable = Readonly<Record<string, Setting>>;

type WrittenOf<Table extends SettingTable> = {
  [Name in keyof Table]?: (Table[Name] extends Setting<infer Written, infer _Value> ? Written : never) | undefined;
};
type ValuesOf<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer _Written, infer Value> ? Value : never;
};

export type SettingsOf<Kind extends string, Table extends SettingTable> = { readonly kind: Kind } & ValuesOf<Table>;

interface Words<Kind extends string, Table extends SettingTable> {
  /** The member of `method` that chooses it, and its `kind`. */
  readonly kind: Kind;
  readonly description: string;
  readonly settings: Table;
  /** Where a user sets none; a decimal as a user would write it. */
  readonly learningRate: string;
  readonly result: MethodResult;
  /** Why a base in NF4 cannot be trained so, and the way out; absent when it can. */
  readonly nf4Refusal?: string;
  /** Why the result cannot be merged into the base's weights, and the way out; absent when it can. */
  readonly mergeRefusal?: string;
  /** A method that trains less where this one does not fit, as a user writes it. */
  readonly smaller?: { readonly kind: string };
}

export interface Declaration<Kind extends string = string, Table extends SettingTable = SettingTable>
  extends Words<Kind, Table> {
  /** As a user writes it: every setting may be absent. */
  readonly written: z.ZodType<WrittenOf<Table>>;
  /** As an adapter's manifest keeps it: every setting is there. */
  readonly schema: z.ZodType<SettingsOf<Kind, Table>>;
}

export function declareMethod<const Kind extends string, const Table extends SettingTable>(
  words: Words<Kind, Table>,
): Declaration<Kind, Table> {
  const written = Object.entries(words.settings).map(([name, one]) => [name, one.written.optional()] as const);
  const values = Object.entries(words.settings).map(([name, one]) => [name, one.value] as const);
  const writtenSchema: z.ZodType = z.strictObject(Object.fromEntries(written)).meta({ description: words.description });
  const schema: z.ZodType = z.strictObject({ kind: z.literal(words.kind), ...Object.fromEntries(values) });
  return {
    ...words,
    // The shapes are mapped by name above, which the types of `fromEntries` cannot follow.
    written: writtenSchema as z.ZodType<WrittenOf<Table>>,
    schema: schema as z.ZodType<SettingsOf<Kind, Table>>,
  };
}

type Written = Readonly<Record<string, unknown>>;

/** The settings that a user wrote, defaults applied. */
export function effective({ kind, settings }: Declaration, written: Written): MethodSettings {
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(settings)) {
    values[name] = written[name] === undefined ? one.default(values) : one.read(written[name]);
  }
  return { kind, ...values };
}

/** The same as a user writes it, every default written out; decimals keep the spelling of `written`. */
export function writtenOut({ settings }: Declaration, method: MethodSettings, written: Written): Written {
  return Object.fromEntries(
    Object.entries(settings).map(([name, one]) => [name, written[name] ?? one.write(method[name])]),
  );
}

/** What is hashed. */
export function canonical({ kind, settings }: Declaration, method: MethodSettings): Json {
  const members = Object.entries(settings).flatMap(([name, one]) => {
    const value = one.canonical(method[name]);
    const usual = one.later && JSON.stringify(value) === JSON.stringify(one.canonical(one.default(method)));
    return usual ? [] : [[name, value] as const];
  });
  return { kind, ...Object.fromEntries(members) };
}
