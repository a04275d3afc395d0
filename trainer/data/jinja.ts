/**
 * Jinja as chat templates are written for it, with Python's meaning. @huggingface/jinja does the work; what it does
 * otherwise than Python in usual templates is mended here, and found by the goldens of test/golden/chat.test.ts:
 * objects are equal when their members are (Mistral asks whether a message is the last question), values of different
 * types are not, and strip takes the characters that it is told (Qwen 3 strips line feeds alone).
 */
import { type Call, Environment, Interpreter, type Operation, type RuntimeValue } from "@huggingface/jinja";

const make = (value: unknown): RuntimeValue => new Environment().set("value", value);
const [yes, no] = [make(true), make(false)];

const strips = ["strip", "lstrip", "rstrip"] as const;
type Strip = (typeof strips)[number];

export class PythonInterpreter extends Interpreter {
  override evaluateBinaryExpression(node: Operation, scope: Environment): RuntimeValue {
    const { value: operator } = node.operator;
    if (operator !== "==" && operator !== "!=") return super.evaluateBinaryExpression(node, scope);
    const equal = areEqual(this.evaluate(node.left, scope), this.evaluate(node.right, scope));
    return equal === (operator === "==") ? yes : no;
  }

  override evaluateCallExpression(node: Call, scope: Environment): RuntimeValue {
    const method = strips.find((name) => name === node.callee.property?.value);
    const [first, ...others] = node.args;
    if (method && first && others.length === 0 && node.callee.object && node.callee.computed !== true) {
      const [text, set] = [this.evaluate(node.callee.object, scope).value, this.evaluate(first, scope).value];
      if (typeof text === "string" && typeof set === "string") return make(stripped(text, set, method));
    }
    return super.evaluateCallExpression(node, scope);
  }
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

function stripped(text: string, set: string, method: Strip): string {
  const characters = Array.from(text);
  const strip = new Set(Array.from(set));
  let [start, end] = [0, characters.length];
  if (method !== "rstrip") while (start < end && strip.has(characters[start]!)) start++;
  if (method !== "lstrip") while (end > start && strip.has(characters[end - 1]!)) end--;
  return characters.slice(start, end).join("");
}
