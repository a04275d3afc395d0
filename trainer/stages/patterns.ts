/**
 * Patterns of paths, as shells have them: `*`, `?` and `[…]` within a name, `**` for any directories, `{a,b}` and `{1..9}` for
 * alternatives. Names are matched by RE2, so that no pattern takes long. Pure.
 */
import { RE2JS } from "re2js";

/** A pattern that cannot be used; the message follows its text. */
export class PatternError extends Error {}

export const isPattern = (text: string) => /[*?[{]/.test(text);

/** Alternatives of one pattern. */
const mostAlternatives = 1000;

export interface Pattern {
  test(path: string): boolean;
}

/**
 * As in a shell, names that begin with a dot are matched only by a name of the pattern that begins with one. Throws
 * `PatternError`.
 */
export function patternOf(glob: string): Pattern {
  const alternatives = alternativesOf(glob).map((one) => partsOf(one));
  return { test: (path) => alternatives.some((parts) => matches(parts, path.split("/"))) };
}

/** The same; throws what `fail` makes of the reason. */
export function patternOr(glob: string, fail: (reason: string) => Error): Pattern {
  try {
    return patternOf(glob);
  } catch (error) {
    throw error instanceof PatternError ? fail(error.message) : error;
  }
}

const anyDirectories = "**";
type Part = typeof anyDirectories | ((name: string) => boolean);

function partsOf(glob: string): Part[] {
  const texts = glob.split("/").filter((text) => text !== "");
  const once = texts.filter((text, index) => text !== anyDirectories || texts[index - 1] !== anyDirectories);
  return once.map((text) => (text === anyDirectories ? anyDirectories : nameMatcher(text)));
}

const isHidden = (name: string) => name.startsWith(".");

/** Follows all ways at once: the numbers of parts that the names so far may have used. */
function matches(parts: readonly Part[], names: readonly string[]): boolean {
  let used = reached(parts, [0]);
  for (const name of names) {
    const next: number[] = [];
    for (const count of used) {
      const part = parts[count];
      if (part === anyDirectories && !isHidden(name))
        next.push(count, ...(count === parts.length - 1 ? [count + 1] : []));
      else if (typeof part === "function" && part(name)) next.push(count + 1);
    }
    used = reached(parts, next);
  }
  return used.has(parts.length);
}

/** `**` may stand for no directory, but at the end it stands for at least the file. */
function reached(parts: readonly Part[], counts: readonly number[]): Set<number> {
  const all = new Set(counts);
  for (const count of all) if (parts[count] === anyDirectories && count < parts.length - 1) all.add(count + 1);
  return all;
}

function nameMatcher(text: string): (name: string) => boolean {
  const written: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at]!;
    const end = character === "[" ? endOfClass(text, at) : undefined;
    if (end !== undefined) written.push(classOf(text.slice(at + 1, end)));
    else if (character === "*") written.push(".*");
    else if (character === "?") written.push(".");
    else written.push(RE2JS.quote(character));
    at = end === undefined ? at + 1 : end + 1;
  }
  const expression = compiled(`(?s)${written.join("")}`, text);
  return (name) => (!isHidden(name) || isHidden(text)) && expression.matches(name);
}

function compiled(expression: string, text: string): RE2JS {
  try {
    return RE2JS.compile(expression);
  } catch {
    throw new PatternError(
      `the characters in brackets of ${text} are no set: write a range from the lower to the higher one`,
    );
  }
}

/** The offset of the bracket that closes a set; a bracket at its beginning is a member. */
function endOfClass(text: string, start: number): number | undefined {
  const first = text[start + 1] === "!" || text[start + 1] === "^" ? start + 2 : start + 1;
  const end = text.indexOf("]", first + 1);
  return end < 0 ? undefined : end;
}

function classOf(body: string): string {
  const isNegated = body.startsWith("!") || body.startsWith("^");
  const members = (isNegated ? body.slice(1) : body).replaceAll(/[\]\\[^&~]/g, "\\$&");
  return `[${isNegated ? "^" : ""}${members}]`;
}

/** The pattern without braces, once for each combination of their alternatives. Throws `PatternError` if they are many. */
export function alternativesOf(glob: string): string[] {
  const done: string[] = [];
  const open = [glob];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const found = firstBraces(next);
    if (found === undefined) done.push(next);
    else {
      const [before, after] = [next.slice(0, found.start), next.slice(found.end)];
      for (const option of found.options.toReversed()) open.push(`${before}${option}${after}`);
    }
    if (done.length + open.length > mostAlternatives)
      throw new PatternError(`has more than ${mostAlternatives} alternatives in braces: use * instead`);
  }
  return done;
}

interface Braces {
  readonly start: number;
  /** After the closing brace. */
  readonly end: number;
  readonly options: readonly string[];
}

/** The first braces with alternatives; others are characters. */
function firstBraces(text: string): Braces | undefined {
  for (let start = text.indexOf("{"); start >= 0; start = text.indexOf("{", start + 1)) {
    const options: string[] = [];
    let [depth, begin] = [0, start + 1];
    for (let at = start; at < text.length; at++) {
      const character = text[at];
      if (character === "{") depth++;
      const closes = character === "}" && --depth === 0;
      if (closes || (character === "," && depth === 1)) {
        options.push(text.slice(begin, at));
        begin = at + 1;
      }
      if (!closes) continue;
      const given = options.length > 1 ? options : rangeOf(options[0]!);
      if (given !== undefined) return { start, end: at + 1, options: given };
      break;
    }
  }
  return undefined;
}

/** The numbers or the letters of a range, `1..9` or `a..f`; zeros at the beginning give each number that width. */
function rangeOf(text: string): string[] | undefined {
  const [, from = "", to = ""] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(text) ?? /^([a-zA-Z])\.\.([a-zA-Z])$/.exec(text) ?? [];
  if (from === "") return undefined;
  const isNumber = /^\d/.test(from);
  const [first, last] = isNumber ? [Number(from), Number(to)] : [from.charCodeAt(0), to.charCodeAt(0)];
  const count = Math.abs(last - first) + 1;
  if (count > mostAlternatives)
    throw new PatternError(`has a range of more than ${mostAlternatives} in braces: use * instead`);
  const width = [from, to].some((end) => /^0\d/.test(end)) ? Math.max(from.length, to.length) : 0;
  return Array.from({ length: count }, (_, index) => {
    const value = first + Math.sign(last - first) * index;
    return isNumber ? String(value).padStart(width, "0") : String.fromCharCode(value);
  });
}
