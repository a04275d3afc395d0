/**
 * A method's declaration, shared by operator and trainer: its settings, and everything that follows from them. Its
 * training is defined in `trainer/methods/<method>`. Everything here is derived from one declaration.
 */
import { z } from "zod";
import { type Rule, ruled } from "../rules.ts";
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

/** Settings of a method with every default applied. Only the method itself interprets the fields. */
export type MethodSettings = { readonly kind: string; readonly [setting: string]: unknown };

/** The result of a training: an adapter for its base, or a whole model. */
export type MethodResult = "Adapter" | "Model";

export type SettingsOf<Kind extends string, Table extends SettingTable> = { readonly kind: Kind } & ValuesOf<Table>;

interface QuantizesFor {
  readonly setting: string;
  readonly value: string;
  /** Why a base that is not quantised cannot be trained so, and what to do. */
  readonly plainRefusal: string;
  /** Why the adapter cannot be merged into the base that was quantised, and what to do. */
  readonly originalRefusal: string;
  /** A setting above whose value other programs do not have this base, the reason, and what to do. */
  readonly ownBase: { readonly setting: string; readonly above: number; readonly peftRefusal: string };
}

/** The members of a spec that a method's rules may read. */
export interface MethodSpec {
  readonly baseModel: { readonly quantization?: unknown };
  readonly method: Readonly<Record<string, unknown>>;
  readonly training?:
    | { readonly maxSteps?: number | undefined; readonly routerAuxLoss?: string | undefined }
    | undefined;
}

interface Words<Kind extends string, Table extends SettingTable> {
  /** The member of `method` that selects it; also its `kind`. */
  readonly kind: Kind;
  readonly description: string;
  readonly settings: Table;
  /** The default learning rate, as a user would write it. */
  readonly learningRate: string;
  readonly result: MethodResult;
  /** Why this method cannot train a base in NF4, and what to do; absent if it can. */
  readonly nf4Refusal?: string;
  /** Why this method cannot train on preferences, and what to do; absent if it can. */
  readonly preferenceRefusal?: string;
  /** Why the result cannot be merged into the base's weights, and what to do; absent if it can. */
  readonly mergeRefusal?: string;
  /** Why PEFT has no form of the result, and what to do; absent if it has. */
  readonly peftRefusal?: string;
  /**
   * The value of a setting with which prepare quantises a base of its own for the method's settings. The adapter belongs to that
   * base alone.
   */
  readonly quantizesFor?: QuantizesFor;
  /** Rules across its settings and the rest of a spec. */
  readonly specRules?: readonly Rule<MethodSpec>[];
  /** The settings of which one trains the router of a mixture of experts; empty: it does so without any. Absent: it cannot. */
  readonly trainsRouterBy?: readonly string[];
  /** A setting that lists adapters, which prepare puts into the base; the result belongs to that base. */
  readonly givesAdapters?: string;
  /** A method with fewer trained parameters, for the case that this one does not fit. */
  readonly smaller?: { readonly kind: string };
}

export interface Declaration<Kind extends string = string, Table extends SettingTable = SettingTable>
  extends Words<Kind, Table> {
  /** The user's form: every setting is optional. */
  readonly written: z.ZodType<WrittenOf<Table>>;
  /** The form of an adapter's manifest: every setting is present. */
  readonly schema: z.ZodType<SettingsOf<Kind, Table>>;
}

/**
 * @param rules across the settings, as a user writes them.
 *
 * @example
 * export const bitfit = declareMethod({
 *   kind: "bitfit",
 *   description: "BitFit: train the biases of linear layers alone.",
 *   learningRate: "1e-3",
 *   result: "Adapter",
 *   settings: { targetModules, excludeModules, layers },
 * });
 */
export const declareMethod = <const Kind extends string, const Table extends SettingTable>(
  words: Words<Kind, Table>,
  rules: readonly Rule<NoInfer<WrittenOf<Table>>>[] = [],
): Declaration<Kind, Table> => ({
  ...words,
  written: ruled(writtenSchema(words.settings), ...rules).meta({ description: words.description }),
  schema: valueSchema(words.settings, { kind: z.literal(words.kind) }) as z.ZodType as z.ZodType<
    SettingsOf<Kind, Table>
  >,
});

/** The user's settings with defaults applied. */
export const effective = ({ kind, settings }: Declaration, written: object): MethodSettings => ({
  kind,
  ...applied(settings, written),
});

/** The user's form with every default written out; decimals keep the spelling of `written`. */
export const methodWrittenOut = ({ settings }: Declaration, method: MethodSettings, written: object) =>
  writtenOut(settings, method, written);

/** The form of a method that the hashes include. */
export const canonicalOf = ({ kind, settings }: Declaration, method: MethodSettings): Json => ({
  kind,
  ...canonical(settings, method),
});
