/**
 * Jinja with Python's semantics, as chat templates expect it. @huggingface/jinja interprets; this file fixes its
 * differences from Python in usual templates, which the goldens of test/golden/chat.test.ts detect: values are written
 * into text and JSON as in Python, adding a text and another type is an error, objects are equal when their members are
 * (Mistral tests whether a message is the last question), values of different types are not, and strip removes the
 * given characters (Qwen 3 strips only line feeds).
 */
import {
  type Call,
  Environment,
  type Filter,
  Interpreter,
  type Member,
  type Node,
  type Operation,
  type RuntimeValue,
} from "@huggingface/jinja";
import { JsonFloat, RowError } from "../rows/example.ts";
import { type JsonStyle, pythonJson, pythonText } from "./pythonText.ts";

/** Converts a function's result into a value of the language; the fastest way to make one. Undefined becomes None. */
const identity = new Environment().set("identity", (value: unknown) => value);
const nothing = new Environment().set("nothing", undefined);
const make = (value: unknown): RuntimeValue => (value === undefined ? nothing : identity.value([{ value }]));
const [yes, no] = [make(true), make(false)];

/** A JSON value as a value of the language. A float stays a float, even without a fraction. */
export function runtimeValue(json: unknown): RuntimeValue {
  if (json instanceof JsonFloat) {
    const float = make(0.5);
    float.value = json.value;
    return float;
  }
  if (Array.isArray(json)) {
    const list = make([]);
    list.value = json.map(runtimeValue);
    return list;
  }
  if (typeof json === "object" && json !== null) {
    const object = make({});
    object.value = new Map(Object.entries(json).map(([key, member]) => [key, runtimeValue(member)]));
    return object;
  }
  return make(json);
}

const strips = ["strip", "lstrip", "rstrip"] as const;
type Strip = (typeof strips)[number];

/** The characters that `str.strip` removes by default. */
const isWhite = (character: string) =>
  /\p{White_Space}/u.test(character) || (character >= "\u001c" && character <= "\u001f");

/** Statements without output. */
const silent: ReadonlySet<string> = new Set(["Set", "Macro", "Comment"]);

export class PythonInterpreter extends Interpreter {
  override evaluateBlock(statements: readonly Node[], scope: Environment): RuntimeValue {
    let text = "";
    for (const statement of statements) {
      const value = this.evaluate(statement, scope);
      if (!silent.has(statement.type)) text += pythonText(value);
    }
    return make(text);
  }

  override evaluateBinaryExpression(node: Operation, scope: Environment): RuntimeValue {
    const operation = operations[node.operator.value];
    if (operation === undefined) return super.evaluateBinaryExpression(node, scope);
    return operation(this.evaluate(node.left, scope), this.evaluate(node.right, scope));
  }

  /** A member of an undefined value is an error, as for `message.call.name` of a message without a call. */
  override evaluateMemberExpression(node: Member, scope: Environment): RuntimeValue {
    const value = super.evaluateMemberExpression(node, scope);
    if (value.type === "UndefinedValue" && this.evaluate(node.object, scope).type === "UndefinedValue") {
      throw new RowError(`reads ${String(node.property.value ?? "a member")} of an undefined value`);
    }
    return value;
  }

  override evaluateCallExpression(node: Call, scope: Environment): RuntimeValue {
    const method = strips.find((name) => name === node.callee.property?.value);
    const [first, ...others] = node.args;
    if (method && others.length === 0 && node.callee.object && node.callee.computed !== true) {
      const text = this.evaluate(node.callee.object, scope).value;
      const set = first && this.evaluate(first, scope).value;
      if (typeof text === "string" && (set === undefined || typeof set === "string")) {
        return make(stripped(text, set, method));
      }
    }
    return super.evaluateCallExpression(node, scope);
  }

  override applyFilter(operand: RuntimeValue, node: Filter, scope: Environment): RuntimeValue {
    const { value: text } = operand;
    switch (node.value ?? node.callee?.value) {
      case "tojson":
        return make(pythonJson(operand, this.#jsonStyle(node, scope)));
      case "string":
        return make(pythonText(operand));
      case "trim":
        if (node.args === undefined && operand.type === "UndefinedValue") return make("");
        if (node.args === undefined && typeof text === "string") return make(stripped(text, undefined, "strip"));
        break;
      case "length":
        if (typeof text === "string") return make(Array.from(text).length);
        break;
      case "int":
        if (node.args === undefined && typeof text === "string") return make(Math.trunc(numberOf(text)));
        break;
      case "float":
        if (node.args === undefined && typeof text === "string") return runtimeValue(new JsonFloat(numberOf(text)));
        break;
      case "join":
        if (Array.isArray(text) && text.some(({ type }: RuntimeValue) => type !== "StringValue")) {
          throw new RowError("joins a list that contains values other than texts");
        }
        break;
    }
    return super.applyFilter(operand, node, scope);
  }

  /** The arguments of `tojson`, in transformers' order. */
  #jsonStyle({ args = [] }: Filter, scope: Environment): JsonStyle {
    const [positional, named] = this.evaluateArguments(args, scope);
    const given = ["ensure_ascii", "indent", "separators", "sort_keys"].map(
      (name, index) => (named.get(name) ?? positional[index])?.value ?? undefined,
    );
    const [ensureAscii, indent, separators, sortKeys] = given;
    if (indent !== undefined && typeof indent !== "number") throw new RowError("tojson: indent must be a number");
    const [item, key] = Array.isArray(separators) ? separators.map(({ value }: RuntimeValue) => String(value)) : [];
    return {
      ensureAscii: ensureAscii === true,
      indent,
      separators: [item ?? (indent === undefined ? ", " : ","), key ?? ": "],
      sortKeys: sortKeys === true,
    };
  }
}

type Operator = (left: RuntimeValue, right: RuntimeValue) => RuntimeValue;

const operations: Readonly<Record<string, Operator | undefined>> = {
  "==": (left, right) => (areEqual(left, right) ? yes : no),
  "!=": (left, right) => (areEqual(left, right) ? no : yes),
  "~": (left, right) => make(pythonText(left) + pythonText(right)),
  "+": sum,
  "%": (left, right) => numeric(modulo, "%", left, right),
  in: (left, right) => (isIn(left, right) ? yes : no),
  "not in": (left, right) => (isIn(left, right) ? no : yes),
};

function sum(left: RuntimeValue, right: RuntimeValue): RuntimeValue {
  const [a, b] = [left.value, right.value];
  if (typeof a === "string" && typeof b === "string") return make(a + b);
  if (!Array.isArray(a) || !Array.isArray(b)) return numeric((x, y) => x + y, "+", left, right);
  const list = make([]);
  list.value = [...a, ...b];
  return list;
}

function numeric(
  operation: (a: number, b: number) => number,
  name: string,
  left: RuntimeValue,
  right: RuntimeValue,
): RuntimeValue {
  if (!isNumeric(left.value) || !isNumeric(right.value)) {
    throw new RowError(`the chat template has ${name} between ${kindOf(left)} and ${kindOf(right)}`);
  }
  const result = operation(Number(left.value), Number(right.value));
  const isFloat = left.type === "FloatValue" || right.type === "FloatValue";
  return isFloat ? runtimeValue(new JsonFloat(result)) : make(result);
}

const kinds: Readonly<Record<string, string>> = {
  StringValue: "a text",
  NullValue: "none",
  UndefinedValue: "an undefined value",
  ArrayValue: "a list",
  ObjectValue: "an object",
};

const kindOf = ({ type }: RuntimeValue): string => kinds[type] ?? "a number";

/** With the sign of the divisor. */
const modulo = (a: number, b: number) => a - b * Math.floor(a / b);

/** Tests for characters in a text, elements in a list, keys in an object; an undefined value contains nothing. */
function isIn(element: RuntimeValue, { type, value: whole }: RuntimeValue): boolean {
  const { value } = element;
  if (Array.isArray(whole)) return whole.some((other: RuntimeValue) => areEqual(element, other));
  if (typeof whole === "string" && typeof value === "string") return whole.includes(value);
  if (whole instanceof Map) return whole.has(value);
  if (type === "UndefinedValue") return false;
  throw new RowError(`the chat template asks whether a value of type ${element.type} is in one of type ${type}`);
}

function areEqual({ value: a }: RuntimeValue, { value: b }: RuntimeValue): boolean {
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b);
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && areEqual(value, b.get(key)));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, index) => areEqual(value, b[index]));
  }
  return a === b;
}

/** Python's booleans are numbers. */
const isNumeric = (value: unknown) => typeof value === "number" || typeof value === "boolean";

/** The number that a text denotes; 0 for any other text, as in the filters `int` and `float`. */
function numberOf(text: string): number {
  if (!/^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/.test(text)) return 0;
  const number = Number(text);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw new RowError("the chat template reads a number beyond 2⁵³, which would be altered");
  }
  return number;
}

function stripped(text: string, set: string | undefined, method: Strip): string {
  const characters = Array.from(text);
  const chosen = set === undefined ? undefined : new Set(Array.from(set));
  const strip = (character: string) => chosen?.has(character) ?? isWhite(character);
  let [start, end] = [0, characters.length];
  if (method !== "rstrip") while (start < end && strip(characters[start]!)) start++;
  if (method !== "lstrip") while (end > start && strip(characters[end - 1]!)) end--;
  return characters.slice(start, end).join("");
}
