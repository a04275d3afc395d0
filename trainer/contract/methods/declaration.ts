/**
 * A method as operator and trainer speak of it: its settings, and what follows from them. How it trains is
 * `trainer/methods/<method>`. Everything here is derived from one declaration; nothing about a method is said twice.
 */
import { z } from "zod";
import {
  applied,
  canonical,
  type Json,
  type SettingTable,
  type ValuesOf,
  valueSchema,
  type WrittenOf,
  writtenOut,
  writtenSchema,
} from "../setting.ts";

/** Settings of a method with every default applied. Only the method itself knows the fields. */
export type MethodSettings = { readonly kind: string; readonly [setting: string]: unknown };

/** The result of a training: an adapter for its base, or a whole model. */
export type MethodResult = "Adapter" | "Model";

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

export const declareMethod = <const Kind extends string, const Table extends SettingTable>(
  words: Words<Kind, Table>,
): Declaration<Kind, Table> => ({
  ...words,
  written: writtenSchema(words.settings).meta({ description: words.description }),
  schema: valueSchema(words.settings, { kind: z.literal(words.kind) }) as z.ZodType as z.ZodType<
    SettingsOf<Kind, Table>
  >,
});

/** The settings that a user wrote, defaults applied. */
export const effective = ({ kind, settings }: Declaration, written: object): MethodSettings => ({
  kind,
  ...applied(settings, written),
});

/** The same as a user writes it, every default written out; decimals keep the spelling of `written`. */
export const methodWrittenOut = ({ settings }: Declaration, method: MethodSettings, written: object) =>
  writtenOut(settings, method, written);

/** The form of a method that the hashes include. */
export const canonicalOf = ({ kind, settings }: Declaration, method: MethodSettings): Json => ({
  kind,
  ...canonical(settings, method),
});
