/**
 * Parses JSON as training data and rejects input that `JSON.parse` would silently change or accept: duplicate keys, half of
 * a surrogate pair, unbounded nesting, bytes that are not UTF-8. Time is linear. A float without a fraction (2.0) becomes a
 * `JsonFloat`, not JavaScript's integer.
 */
import { jsonFault } from "../../contract/jsonFault.ts";
import { JsonFloat, RowError } from "./example.ts";
import { backslash, closeBrace, closeBracket, colon, openBrace, openBracket, quote } from "./jsonBytes.ts";

/** Deeper than any example; code that walks over a value may recurse this deep. */
export const maxDepth = 64;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Parses a line or an element of a list. Throws `RowError`. */
export function parseRow(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new RowError("is not UTF-8: save the file in UTF-8");
  }
  return parse(text, "");
}

/** Parses a JSON text inside a row; `at` names it in errors. */
export function parseStrictly(text: string, at: string): unknown {
  return parse(text, `${at}: `);
}

function parse(text: string, at: string): unknown {
  let value: unknown;
  try {
    value = mayHoldFloat.test(text) ? JSON.parse(text, keepFloat) : JSON.parse(text);
  } catch {
    // Not in the words of JSON.parse, which quotes the row.
    const fault = jsonFault(text);
    throw new RowError(`${at}is not JSON: ${fault.what}, at character ${fault.at + 1}`);
  }
  // Escapes are the only way into a string for what UTF-8 cannot hold.
  const surrogates = /\\u[dD][89a-fA-F]/.test(text);
  checkStructure(text, at, surrogates);
  return value;
}

/** May also match inside strings; the check avoids a reviver, which is several times slower. */
const mayHoldFloat = /[:,[]\s*-?\d+(?:\.0+[\s,\]}]|(?:\.\d+)?[eE])/;

function keepFloat(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isFloat = typeof value === "number" && Number.isInteger(value) && source !== undefined && /[.eE]/.test(source);
  return isFloat ? new JsonFloat(value) : value;
}

/** Checks well-formed JSON for duplicate keys, broken characters and excessive nesting. */
function checkStructure(text: string, at: string, surrogates: boolean): void {
  /** Keys so far of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote: {
        const start = i + 1;
        i = endOfString(text, start);
        if (surrogates) requireWhole(text.slice(start - 1, i + 1), at);
        const keys = open.at(-1);
        if (keys && followedByColon(text, i + 1)) addKey(keys, text.slice(start, i), at, start);
        break;
      }
      case openBrace:
      case openBracket:
        open.push(text.charCodeAt(i) === openBrace ? new Set() : undefined);
        if (open.length > maxDepth) throw new RowError(`${at}is nested deeper than ${maxDepth}`);
        break;
      case closeBrace:
      case closeBracket:
        open.pop();
        break;
    }
  }
}

function requireWhole(written: string, at: string): void {
  if (String(JSON.parse(written)).isWellFormed()) return;
  throw new RowError(`${at}holds half of a surrogate pair: a character is missing`);
}

/** Index of a string's closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === backslash && before >= start) before--;
    if ((end - before) % 2 === 1) return end;
  }
}

function followedByColon(text: string, from: number): boolean {
  let i = from;
  while (text.charCodeAt(i) <= 0x20) i++;
  return text.charCodeAt(i) === colon;
}

function addKey(keys: Set<string>, written: string, at: string, start: number): void {
  const key = written.includes("\\") ? String(JSON.parse(`"${written}"`)) : written;
  if (keys.has(key)) throw new RowError(`${at}has a duplicate key in one object, at character ${start}`);
  keys.add(key);
}
