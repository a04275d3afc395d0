/**
 * The members of an adapter_config.json from any source. A method reads the members that it implements and lists those that
 * do not affect the result. It rejects every other meaningful member by name, because PEFT would compute something else.
 * Failures begin with the member's name.
 */
import { invalid } from "../contract/failure.ts";
import { isNamed } from "./targets.ts";

export type PeftConfig = Readonly<Record<string, unknown>>;

/** Members of every configuration that do not affect the computation. */
const harmless = ["peft_type", "peft_version", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode"];

/** The advice for unsupported options. */
export const mergeInPeft = "merge the adapter in PEFT (merge_and_unload) and use the merged model";

export class PeftMembers {
  readonly #config: PeftConfig;
  readonly #path: string;
  readonly #advice: string;
  readonly #known = new Set<string>(harmless);

  /** `path` precedes the names of members in errors. `advice` is the fix for a member that no method reads. */
  constructor(config: PeftConfig, { path = "", advice = mergeInPeft }: { path?: string; advice?: string } = {}) {
    this.#config = config;
    this.#path = path;
    this.#advice = advice;
    this.only("task_type", ["CAUSAL_LM"]);
  }

  /** The members of a member. The caller calls their own `refuseOthers`. */
  within(name: string, advice: string): PeftMembers {
    const value = this.#take(name);
    if (!isObject(value)) throw this.#wrong(name, "an object");
    return new PeftMembers(value, { path: `${this.#path}${name}.`, advice });
  }

  /** A whole number. */
  whole(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(name, `a whole number from ${least} to ${most}`);
  }

  /** A whole number that may be absent. */
  integer(name: string, least: number, most: number, absent: number): number {
    const value = this.#take(name) ?? absent;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(name, `a whole number from ${least} to ${most}`);
  }

  /** A number within bounds. */
  number(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw this.#wrong(name, `a number from ${least} to ${most}`);
  }

  /** A number above 0 that F32 can compute with. */
  positive(name: string): number {
    const value = this.#take(name);
    if (isAbove0(value)) return value;
    throw this.#wrong(name, `a number above 0, from ${leastNumber} to ${mostNumber}`);
  }

  /** A number from 0 to 1; 0 if absent. */
  share(name: string): number {
    const value = this.#take(name) ?? 0;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    throw this.#wrong(name, "a number from 0 to 1");
  }

  /** False if absent. */
  flag(name: string): boolean {
    const value = this.#take(name) ?? false;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, "true or false");
  }

  /** Names of layers, or `all-linear`; PEFT reads any other text as a regular expression. */
  layers(name: string): string[] {
    const names = this.namesOrAll(name);
    if (names.length > 0) return names;
    throw this.#wrong(name, "a list of 1 to 1024 names of layers");
  }

  /** The same; an empty list if there are none. */
  namesOrAll(name: string): string[] {
    const value = this.#take(name) ?? [];
    if (value === "all-linear") return [value];
    if (typeof value === "string")
      throw this.#unsupported(name, "patterns are not supported; list the names of the layers");
    if (Array.isArray(value) && value.length <= 1024 && value.every(isName)) return value;
    throw this.#wrong(name, "a list of 1 to 1024 names of layers");
  }

  /** Names of layers; an empty list if absent. */
  names(name: string): string[] {
    const value = this.#take(name) ?? [];
    if (Array.isArray(value) && value.length <= 1024 && value.every(isName)) return value;
    throw this.#wrong(name, "a list of names of layers");
  }

  /** Lists of tokens by module; a list alone is of the first module. */
  tokens<Module extends string>(
    name: string,
    modules: readonly [Module, ...Module[]],
  ): { [name in Module]?: number[] } {
    const value = this.#take(name) ?? {};
    const lists = Array.isArray(value) ? { [modules[0]]: value } : value;
    const entries = typeof lists === "object" ? Object.entries(lists) : undefined;
    if (entries?.every(([module, list]) => modules.some((one) => one === module) && isTokenList(list)))
      return Object.fromEntries(entries) as { [name in Module]?: number[] };
    throw this.#wrong(name, `lists of distinct tokens of ${modules.join(" and ")}`);
  }

  /** Texts by name. */
  texts(name: string): Readonly<Record<string, string>> {
    const value = this.#take(name);
    const entries = isObject(value) ? Object.entries(value) : [];
    const texts = entries.flatMap(([key, text]) => (typeof text === "string" ? [[key, text] as const] : []));
    if (texts.length > 0 && texts.length === entries.length && texts.length <= 1024) return Object.fromEntries(texts);
    throw this.#wrong(name, "an object of texts");
  }

  /** The failure for a member with another value than expected. */
  wrong(name: string, expected: string) {
    return this.#wrong(name, expected);
  }

  /** Whole numbers from 0; an empty list if absent. */
  wholes(name: string): number[] {
    const value: unknown = [this.#take(name) ?? []].flat();
    if (Array.isArray(value) && value.length <= 1024 && value.every(isWhole)) return value;
    throw this.#wrong(name, "a list of whole numbers");
  }

  /**
   * Numbers above 0 by names of layers. PEFT reads the names as regular expressions, which are refused. PEFT uses the
   * first name that matches a layer, so names without effect are omitted.
   */
  byLayer(name: string, accepts: (value: number) => boolean): Record<string, number> {
    const value = this.#take(name) ?? {};
    const entries = typeof value === "object" && value !== null ? Object.entries(value) : undefined;
    if (
      entries &&
      entries.length <= 1024 &&
      entries.every(([key, one]) => isName(key) && isAbove0(one) && accepts(one))
    ) {
      const isShadowed = (key: string, before: number) => entries.slice(0, before).some(([one]) => isNamed(key, one));
      return Object.fromEntries(entries.filter(([key], index) => !isShadowed(key, index)));
    }
    throw this.#wrong(name, "numbers by names of layers");
  }

  /** A number from 0; 0 if absent. */
  notNegative(name: string): number {
    const value = this.#take(name) ?? 0;
    if (typeof value === "number" && value >= 0 && value <= mostNumber) return value;
    throw this.#wrong(name, `a number from 0 to ${mostNumber}`);
  }

  /** Our name of a library's value, or of one of several that mean the same; `absent` if it is absent. */
  choice<Name extends string>(name: string, values: Readonly<Record<Name, unknown>>, absent?: Name): Name {
    const names = Object.keys(values) as Name[];
    const theirs = (one: Name): readonly unknown[] => [values[one]].flat();
    const value = this.#take(name) ?? (absent && theirs(absent)[0]);
    const found = names.find((one) => theirs(one).includes(value));
    if (found !== undefined) return found;
    const accepted = names.flatMap(theirs).map((one) => JSON.stringify(one));
    throw this.#wrong(name, `one of ${accepted.join(", ")}`);
  }

  /** A member that may be absent, null or one of some values. */
  only(name: string, values: readonly unknown[], way = this.#advice): void {
    const value = this.#take(name) ?? undefined;
    if (value === undefined || values.includes(value)) return;
    const accepted = values.map((one) => JSON.stringify(one)).join(", ");
    throw this.#unsupported(name, accepted === "" ? way : `supported: ${accepted}; ${way}`);
  }

  /** Members that do not affect the computation, whatever their values. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** Refuses members that no method read, if they are set. */
  refuseOthers(): void {
    for (const [name, value] of Object.entries(this.#config)) {
      if (!this.#known.has(name) && !isUnset(value)) throw this.#unsupported(name, this.#advice);
    }
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#config, name) ? this.#config[name] : undefined;
  }

  #wrong(name: string, expected: string) {
    const value = this.#config[name];
    return unreadable(
      `${this.#path}${name} is ${value === undefined ? "missing" : shown(value)}; it must be ${expected}`,
    );
  }

  #unsupported(name: string, way: string) {
    return unreadable(`${this.#path}${name} is not supported: ${shown(this.#config[name])}; ${way}`);
  }
}

/** PEFT's values for an unused option. */
function isUnset(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

const isObject = (value: unknown): value is PeftConfig =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTokenList = (list: unknown): boolean =>
  Array.isArray(list) &&
  list.length > 0 &&
  list.length <= 4096 &&
  list.every(isWhole) &&
  new Set(list).size === list.length;

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** F32 holds such numbers, their inverses, and their quotients with ranks. */
const [leastNumber, mostNumber] = [1e-30, 1e30];

const isAbove0 = (value: unknown): value is number =>
  typeof value === "number" && value >= leastNumber && value <= mostNumber;

const isName = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9_.]{1,256}$/.test(value);

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

const unreadable = (what: string) => invalid("AdapterUnsupported", `adapter_config.json: ${what}`);
