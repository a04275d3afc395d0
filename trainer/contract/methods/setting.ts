/**
 * One setting of a method, declared once with its default. The words of the default in the CustomResourceDefinition, the
 * value that is applied, the form that is written out and the form that is hashed follow from the declaration.
 */
import { z } from "zod";
import { canonicalDecimal, type DecimalBounds, decimal } from "../decimal.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** `Written` is what a user writes, `Value` what the trainer computes with. */
export interface Setting<Written = unknown, Value = unknown> {
  readonly written: z.ZodType<Written>;
  readonly value: z.ZodType<Value>;
  read(written: Written): Value;
  /** A value as a user would write it. */
  write(value: Value): Written;
  /** What is hashed: one form for all spellings of a value. */
  canonical(value: Value): Json;
  /** The default; `earlier` holds the values of the settings that are declared before this one. */
  default(earlier: Readonly<Record<string, unknown>>): Value;
  /** Left out of the hash where it has its default: the hashes of finished runs are older than the setting. */
  readonly later: boolean;
}

interface Options<Value> {
  readonly description: string;
  readonly default: Value | ((earlier: Readonly<Record<string, unknown>>) => Value);
  /** The default in words, in place of its value; empty where the description says it. */
  readonly says?: string;
  readonly later?: boolean;
}

/** A setting that is computed with as it is written. `value` is wider where adapters from elsewhere have other values. */
export function setting<Value extends Json>(
  schema: z.ZodType<Value>,
  options: Options<Value> & { value?: z.ZodType<Value>; canonical?: (value: Value) => Json },
): Setting<Value, Value> {
  return {
    written: schema.meta({ description: described(options) }),
    value: options.value ?? schema,
    read: (written) => written,
    write: (value) => value,
    canonical: options.canonical ?? ((value) => value),
    default: defaultOf(options),
    later: options.later ?? false,
  };
}

/** A decimal: a string where it is written, a number where it is computed with. */
export function decimalSetting(bounds: DecimalBounds, options: Options<number>): Setting<string, number> {
  return {
    written: decimal(described(options), bounds),
    value: z.number(),
    read: Number,
    write: String,
    canonical: canonicalDecimal,
    default: defaultOf(options),
    later: options.later ?? false,
  };
}

function defaultOf<Value>({ default: given }: Options<Value>): Setting<unknown, Value>["default"] {
  return (earlier) => (isFunction(given) ? given(earlier) : given);
}

function isFunction<Value>(
  given: Options<Value>["default"],
): given is (earlier: Readonly<Record<string, unknown>>) => Value {
  return typeof given === "function";
}

function described<Value>({ description, says, default: given }: Options<Value>): string {
  const words = says ?? `Default ${String(given)}.`;
  return words === "" ? description : `${description} ${words}`;
}
