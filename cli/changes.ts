/** The settings in which two specs differ. Pure. */
import { isRecord } from "../operator/runtime/objects.ts";
import { canonicalJson } from "../trainer/contract/hashes.ts";

export interface Change {
  /** Members from the outermost to the innermost; the index of a list's element is a number. */
  readonly path: readonly (string | number)[];
  /** Undefined: it has no such member. */
  readonly before: unknown;
  readonly after: unknown;
}

/** The innermost members that differ, in the order of the texts. Lists of different lengths differ as a whole. */
export function changesOf(before: unknown, after: unknown, path: Change["path"] = []): Change[] {
  if (sameValue(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((value, index) => changesOf(value, after[index], [...path, index]));
  }
  if (isRecord(before) && isRecord(after) && !isOtherChoice(before, after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => changesOf(before[name], after[name], [...path, name]));
  }
  return [{ path, before, after }];
}

/** A union such as `method: { lora: … }`: another choice is another value. */
const isOtherChoice = (before: object, after: object) => {
  const [was, is] = [Object.keys(before), Object.keys(after)];
  return was.length === 1 && is.length === 1 && was[0] !== is[0];
};

function sameValue(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before === after;
  if (isDecimal(before) && isDecimal(after)) return Number(before) === Number(after);
  const text = (value: unknown) => canonicalJson(JSON.parse(JSON.stringify(value)));
  return text(before) === text(after);
}

/** Settings hold decimals as strings; "2e-4" is "0.0002". */
const isDecimal = (value: unknown): value is string =>
  typeof value === "string" && /^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/.test(value);

export function pathText(path: Change["path"]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}

/** A value on one line. */
export function valueText(value: unknown): string {
  return value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
}

/** The object with one value replaced; undefined removes the member. */
export function withChange(whole: unknown, { path, after }: Pick<Change, "path" | "after">): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return after;
  if (Array.isArray(whole)) {
    return whole.map((value, index) => (index === part ? withChange(value, { path: rest, after }) : value));
  }
  const { [part]: value, ...others } = isRecord(whole) ? whole : {};
  const changed = withChange(value, { path: rest, after });
  return changed === undefined ? others : { ...others, [part]: changed };
}
