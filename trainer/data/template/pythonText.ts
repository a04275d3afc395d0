/**
 * Writes a template's values as Python does, where @huggingface/jinja differs: floats (2.0, 1e-07), None and True,
 * lists and objects in a text, JSON with Python's separators and order of keys. Pure.
 */
import type { RuntimeValue } from "@huggingface/jinja";
import { RowError } from "../rows/example.ts";

/** Options of json.dumps, as in transformers' `tojson`. */
export interface JsonStyle {
  /** Escape all characters outside ASCII. */
  ensureAscii: boolean;
  /** Spaces per level; undefined: on one line. */
  indent: number | undefined;
  separators: readonly [item: string, key: string];
  sortKeys: boolean;
}

/** `repr` of a float: the shortest round-trip digits, in exponent form below 1e-4 and from 1e16. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    const digits = String(Math.abs(power)).padStart(2, "0");
    return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
  }
  const sign = Object.is(value, -0) ? "-" : "";
  return Number.isInteger(value) ? `${sign}${value.toFixed(1)}` : plainDigits(mantissa, power);
}

/** Digits of a number from 1e-4 to 1e16; JavaScript switches to exponent form earlier for small ones. */
function plainDigits(mantissa: string, power: number): string {
  const [, sign = "", digits = ""] = /^(-?)(.*)$/.exec(mantissa.replace(".", "")) ?? [];
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
}

/** `str` of a value, for `{{ value }}`, `~` and the filter `string`. Throws `RowError`. */
export function pythonText(value: RuntimeValue): string {
  switch (value.type) {
    case "StringValue":
      return String(value.value);
    case "UndefinedValue":
      return "";
    default:
      return pythonRepr(value);
  }
}

function pythonRepr({ type, value }: RuntimeValue): string {
  switch (type) {
    case "StringValue":
      return quoted(String(value));
    case "IntegerValue":
      return String(value);
    case "FloatValue":
      return pythonFloat(Number(value));
    case "BooleanValue":
      return value ? "True" : "False";
    case "NullValue":
      return "None";
    case "ArrayValue":
      return `[${elementsOf(value).map(pythonRepr).join(", ")}]`;
    case "ObjectValue":
      return `{${membersOf(value)
        .map(([key, member]) => `${quoted(key)}: ${pythonRepr(member)}`)
        .join(", ")}}`;
    default:
      throw new RowError(`the chat template writes a value of type ${type} into the text`);
  }
}

/** The characters that `str.isprintable` rejects, except the space. */
const hidden = /[\p{C}\p{Z}]/u;
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const characters = Array.from(text, (character) => {
    if (character === quote) return `\\${quote}`;
    return escapes[character] ?? (character !== " " && hidden.test(character) ? escaped(character) : character);
  });
  return `${quote}${characters.join("")}${quote}`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/** `json.dumps` of a value. Throws `RowError` for a value that is not JSON, as Python does. */
export function pythonJson({ type, value }: RuntimeValue, style: JsonStyle, depth = 0): string {
  switch (type) {
    case "StringValue":
      return jsonString(String(value), style);
    case "IntegerValue":
      return String(value);
    case "FloatValue":
      return pythonFloat(Number(value));
    case "BooleanValue":
      return value ? "true" : "false";
    case "NullValue":
      return "null";
    case "ArrayValue": {
      const elements = elementsOf(value).map((element) => pythonJson(element, style, depth + 1));
      return enclosed("[", elements, "]", style, depth);
    }
    case "ObjectValue": {
      const members = membersOf(value);
      if (style.sortKeys) members.sort(([a], [b]) => compareCharacters(a, b));
      const written = members.map(([key, member]) => {
        return `${jsonString(key, style)}${style.separators[1]}${pythonJson(member, style, depth + 1)}`;
      });
      return enclosed("{", written, "}", style, depth);
    }
    default:
      throw new RowError(`tojson: a value of type ${type} is not JSON`);
  }
}

function enclosed(
  open: string,
  parts: readonly string[],
  close: string,
  { indent, separators }: JsonStyle,
  depth: number,
) {
  if (parts.length === 0 || indent === undefined) return `${open}${parts.join(separators[0])}${close}`;
  const line = (level: number) => `\n${" ".repeat(indent * level)}`;
  return `${open}${line(depth + 1)}${parts.join(`${separators[0]}${line(depth + 1)}`)}${line(depth)}${close}`;
}

function jsonString(text: string, { ensureAscii }: JsonStyle): string {
  const written = JSON.stringify(text);
  if (!ensureAscii) return written;
  return written.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Compares by characters, not by UTF-16 units. */
function compareCharacters(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((character, index) => character !== y[index]);
  return at < 0 ? x.length - y.length : at >= y.length ? 1 : x[at]!.codePointAt(0)! - y[at]!.codePointAt(0)!;
}

/** The library represents lists as arrays of its values, and objects as maps to them. */
const elementsOf = (value: unknown): RuntimeValue[] => (Array.isArray(value) ? value : []);
const membersOf = (value: unknown): [string, RuntimeValue][] => (value instanceof Map ? [...value] : []);
