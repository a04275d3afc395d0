/**
 * Declares the arguments of a command once: `readArguments` parses by the declaration and `helpText` prints it. Any other
 * argument is an error that suggests the nearest option.
 */
import { parseArgs } from "node:util";
import { didYouMean } from "./nearest.ts";
import { table } from "./table.ts";

export interface Option {
  /** The value's name in the help; missing for a switch. */
  readonly value?: string;
  readonly repeated?: true;
  readonly short?: string;
  readonly help: string;
}

export interface Usage {
  readonly command: string;
  /** In order; a final `?` marks an optional one, `…` (before it) the last one, which may be repeated. */
  readonly positionals: readonly string[];
  readonly summary: string;
  readonly details?: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
}

export interface Arguments {
  readonly positionals: readonly string[];
  readonly switches: ReadonlySet<string>;
  /** Every value given to an option, in order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** An invalid command line; the message explains how to write it. Exit code 2. */
export class UsageError extends Error {}

export function readArguments(usage: Usage, argv: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(usage.options).map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? "boolean" : "string", ...(short === undefined ? {} : { short }) },
      ]),
    ),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const positionals: string[] = [];
  const switches = new Set<string>();
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const option = usage.options[token.name];
    if (option === undefined) throw new UsageError(unknownOption(usage, token.rawName));
    if (option.value === undefined) {
      if (token.value !== undefined) throw new UsageError(`--${token.name} takes no value`);
      switches.add(token.name);
    } else {
      values.set(token.name, [...(values.get(token.name) ?? []), optionValue(token, option, values)]);
    }
  }
  checkPositionals(usage, positionals);
  return { positionals, switches, values };
}

interface OptionToken {
  readonly name: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function optionValue(token: OptionToken, option: Option, seen: ReadonlyMap<string, readonly string[]>): string {
  // An empty value usually is an unset shell variable; as a path it would mean the current directory.
  if (!token.value || (token.value.startsWith("--") && token.inlineValue !== true)) {
    throw new UsageError(`--${token.name} needs a value: --${token.name} ${option.value}`);
  }
  if (option.repeated !== true && seen.has(token.name)) throw new UsageError(`--${token.name} is given twice`);
  return token.value;
}

function unknownOption(usage: Usage, written: string): string {
  const known = Object.keys(usage.options).map((name) => `--${name}`);
  return `${usage.command} has no option ${written}${didYouMean(written, known)}`;
}

function checkPositionals(usage: Usage, given: readonly string[]): void {
  const required = usage.positionals.filter((name) => !name.endsWith("?"));
  const missing = required[given.length];
  if (missing !== undefined) throw new UsageError(`${missing.replace(/…$/, "")} is missing`);
  const empty = given.indexOf("");
  if (empty >= 0) throw new UsageError(`argument ${empty + 1} is empty`);
  const extra = usage.positionals.at(-1)?.includes("…") ? undefined : given[usage.positionals.length];
  if (extra !== undefined) throw new UsageError(`${JSON.stringify(extra)} is one argument too many`);
}

/** The one value of an option that is not repeated. */
export function optionOf(args: Arguments, name: string): string | undefined {
  return args.values.get(name)?.[0];
}

/** Refuses options that need the missing `needed`. */
export function refuseWithout(needed: string, args: Arguments, names: readonly string[]): void {
  const given = names.find((name) => args.values.has(name) || args.switches.has(name));
  if (given !== undefined) throw new UsageError(`--${given} needs ${needed}: add that, or remove --${given}`);
}

/** One of an option's allowed words; `fallback` if the option is missing. */
export function choiceOf<T extends string>(args: Arguments, name: string, allowed: readonly T[], fallback: T): T {
  const given = optionOf(args, name);
  if (given === undefined) return fallback;
  const choice = allowed.find((word) => word === given);
  if (choice === undefined) {
    throw new UsageError(`--${name} is ${allowed.join(" or ")}, not ${JSON.stringify(given)}`);
  }
  return choice;
}

/** A whole number within bounds. */
export function integerOf(args: Arguments, name: string, min: number, max: number, fallback: number): number {
  const given = optionOf(args, name);
  if (given === undefined) return fallback;
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < min || number > max) {
    throw new UsageError(`--${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(given)}`);
  }
  return number;
}

export function helpText(usage: Usage): string {
  const positionals = usage.positionals.map((name) => (name.endsWith("?") ? `[${name.slice(0, -1)}]` : name));
  const options = Object.entries(usage.options).map(([name, { value, short, help }]) => [
    `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  ]);
  return [
    `${usage.command} ${[...positionals, "[OPTION…]"].join(" ")}`,
    "",
    usage.summary,
    ...(usage.details === undefined ? [] : ["", ...usage.details]),
    "",
    "Options:",
    ...table(options),
    "",
  ].join("\n");
}
