/**
 * The signature of an op: the data type and the dimensions of each operand, as text in its definition. It determines
 * whether operands fit together, and the shapes of outputs. C++ checks programs by the same text
 * (`trainer/native/runtime/signatures.cc`), which `trainer/ops/generate.ts` exports.
 *
 * `type[dimensions]`: a dimension's name is bound where it is first seen (attributes are bound before) and must agree
 * afterwards; a number, or a term of names and numbers with `*` and `/` (from left to right, divisions without remainder),
 * is compared; `+` adds as `*` multiplies, and `~` divides rounding up. `[*]` is any shape, the same for all operands with
 * `[*]`; `[#]` is the same and contiguous in memory, and binds `#` to the number of its elements.
 */
import { type DataType, elementsOf, isFloating, sumType, type Tensor, type TensorFacts } from "./tensor.ts";

/**
 * `act` an activation: F32, BF16 or F64, the same for all of a node · `dense` any float, dense · `weight` any float, dense
 * or NF4 · `sum` the type of sums: F32 (F64 in double programs) · `any` any type, dense · others: that type.
 */
export type OperandType = "act" | "dense" | "weight" | "sum" | "f32" | "f64" | "i32" | "u32" | "u8" | "any";

/** `×name` behind it: as many tensors of this kind, one after another, as the attribute of that name counts. */
export type OperandText = `${OperandType}[${string}]` | `${OperandType}[${string}]×${string}`;

export type Access = "in" | "inOut" | "out";

export interface OperandSpec {
  readonly name: string;
  readonly optional: boolean;
  readonly access: Access;
  readonly type: OperandType;
  /** Dimensions, or `*` or `#` alone. */
  readonly terms: readonly string[];
  /** The attribute that counts its tensors; absent: it is one. */
  readonly count?: string;
}

/** Constraints on an attribute's value. */
export interface Attribute {
  readonly type: "i32" | "f32";
  readonly min?: number;
  readonly max?: number;
  /** Less than this. */
  readonly below?: number;
  readonly values?: readonly number[];
  /** Another attribute. */
  readonly multipleOf?: string;
}

/** An attribute of an op. Optional ones come last and are 0 where they are not given. */
export interface AttributeSpec extends Attribute {
  readonly optional: boolean;
}

/** The part of an op that its signature describes. */
export interface Signature {
  readonly name: string;
  /** In order: inputs, accumulated tensors, outputs. */
  readonly operands: readonly OperandSpec[];
  readonly attributes: Readonly<Record<string, AttributeSpec>>;
  /** Pairs of operands of which neither comes without the other. */
  readonly together: readonly (readonly [string, string])[];
}

const pattern = /^(act|dense|weight|sum|f32|f64|i32|u32|u8|any)\[([^[\]]+)\](?:×([A-Za-z]+))?$/;

/** `"tailX?"`, `"act[T,r]"` → the operand. */
export function operandSpec(named: string, text: OperandText, access: Access): OperandSpec {
  const [, type, dimensions = "", count] = pattern.exec(text) ?? [];
  if (type === undefined) throw new Error(`operand ${named}: ${text} is not type[dimensions]`);
  const optional = named.endsWith("?");
  const name = optional ? named.slice(0, -1) : named;
  return { name, optional, access, type: type as OperandType, terms: dimensions.split(","), ...(count && { count }) };
}

const hasAnyShape = ({ terms: [first] }: OperandSpec): boolean => first === "*" || first === "#";

/** The operands of one node, matched one after another. */
export class Match {
  readonly #signature: Signature;
  readonly #bound: Map<string, number>;
  #activation: Tensor | undefined;
  #shape: readonly number[] | undefined;

  /** Throws an error that names the op and the attribute or operand that does not fit. */
  constructor(signature: Signature, attributes: Readonly<Record<string, number>>) {
    this.#signature = signature;
    this.#bound = new Map(Object.entries(attributes));
    for (const [name, rule] of Object.entries(signature.attributes)) this.#attribute(name, rule);
  }

  /** Matches the given operands. */
  operands(given: Readonly<Record<string, Tensor | undefined>>): void {
    for (const operand of this.#signature.operands) {
      const tensor = given[operand.name];
      if (tensor) this.#operand(operand, tensor);
    }
  }

  /** Throws unless every required operand of this access is present and pairs are complete. */
  complete(given: Readonly<Record<string, Tensor | undefined>>): void {
    for (const { name, optional, access } of this.#signature.operands) {
      if (access !== "out" && !optional && !given[name]) this.#fail(`operand ${name} is missing`);
    }
    for (const [a, b] of this.#signature.together) {
      if ((given[a] === undefined) !== (given[b] === undefined))
        this.#fail(`${a} and ${b} must be both present or both absent`);
    }
  }

  /** Type and shape of an output; undefined when they do not follow from the matched operands. */
  facts(operand: OperandSpec): TensorFacts | undefined {
    const dtype = this.#dtypeOf(operand);
    const shape = hasAnyShape(operand) ? this.#shape : operand.terms.flatMap((term) => this.#sizeOf(term) ?? []);
    const known = shape && (hasAnyShape(operand) || shape.length === operand.terms.length);
    return dtype && known ? { dtype, shape } : undefined;
  }

  /** A term's value; undefined while one of its names is not bound. */
  #sizeOf(term: string): number | undefined {
    let value = 1;
    for (const [, by, factor = ""] of term.matchAll(/([*/+~]?)([^*/+~]+)/g)) {
      const size = /^[0-9]+$/.test(factor) ? Number(factor) : this.#bound.get(factor);
      if (size === undefined) return undefined;
      if (by === "/" && value % size !== 0) this.#fail(`${term}: ${value} is not a multiple of ${size}`);
      value = combined(value, by, size);
    }
    return value;
  }

  #dtypeOf({ type }: OperandSpec): DataType | undefined {
    switch (type) {
      case "act":
        return this.#activation?.dtype;
      case "sum":
        return this.#activation ? sumType(this.#activation) : "F32";
      case "f32":
        return "F32";
      case "f64":
        return "F64";
      case "i32":
        return "I32";
      case "u32":
        return "U32";
      case "u8":
        return "U8";
      case "dense":
      case "weight":
      case "any":
        return undefined;
    }
  }

  #attribute(name: string, { min, max, below, values, multipleOf }: Attribute): void {
    const value = this.#bound.get(name);
    if (value === undefined || !Number.isFinite(value)) this.#fail(`attribute ${name} is ${value}`);
    const inRange = value >= (min ?? value) && value <= (max ?? value) && (below === undefined || value < below);
    if (!inRange || values?.includes(value) === false) this.#fail(`attribute ${name} may not be ${value}`);
    if (multipleOf === undefined) return;
    const divisor = this.#bound.get(multipleOf) ?? 1;
    if (value % divisor !== 0) this.#fail(`${name} is ${value}, not a multiple of ${multipleOf}, ${divisor}`);
  }

  #operand(operand: OperandSpec, tensor: Tensor): void {
    this.#type(operand, tensor);
    this.#count(operand, tensor);
    const { shape } = tensor;
    const expected = hasAnyShape(operand) ? (this.#shape ?? shape) : this.#expected(operand, shape);
    if (hasAnyShape(operand)) this.#shape = expected;
    if (operand.terms[0] === "#") this.#bound.set("#", elementsOf(shape));
    if (expected.join() === shape.join()) return;
    this.#fail(`${operand.name} must be [${expected}], but ${tensor.name} is [${shape}]`);
  }

  #count({ name, count }: OperandSpec, { members }: Tensor): void {
    const expected = count === undefined ? undefined : this.#bound.get(count);
    if (members?.length !== expected)
      this.#fail(`${name} must have ${expected ?? "no"} tensors, and has ${members?.length ?? "none"}`);
  }

  /** The shape that follows from the bound names; unbound names take this one's sizes. */
  #expected({ name, terms }: OperandSpec, shape: readonly number[]): readonly number[] {
    if (terms.length !== shape.length) this.#fail(`${name} must be [${terms}], but is [${shape}]`);
    return terms.map((term, index) => {
      const value = this.#sizeOf(term);
      if (value !== undefined) return value;
      const size = shape[index] ?? 1;
      if (/[*/+~]/.test(term)) this.#fail(`${name}: no earlier operand determines ${term}`);
      this.#bound.set(term, size);
      return size;
    });
  }

  #type({ name, type }: OperandSpec, tensor: Tensor): void {
    const { dtype, storage } = tensor;
    if (storage === "NF4" && type !== "weight") this.#fail(`${name}: NF4 is not accepted here`);
    const fits = (): boolean => {
      switch (type) {
        case "act":
          this.#activation ??= tensor;
          return isFloating(tensor) && this.#activation.dtype === dtype;
        case "dense":
        case "weight":
          return isFloating(tensor);
        case "sum":
          return dtype === "F32" || dtype === "F64";
        case "any":
          return true;
        case "f32":
        case "f64":
        case "i32":
        case "u32":
        case "u8":
          return dtype === type.toUpperCase();
      }
    };
    if (!fits()) this.#fail(`${name} (${type}) may not be ${dtype}, which ${tensor.name} is`);
  }

  #fail(why: string): never {
    throw new Error(`${this.#signature.name}: ${why}`);
  }
}

function combined(value: number, by: string | undefined, size: number): number {
  switch (by) {
    case "/":
      return value / size;
    case "~":
      return Math.ceil(value / size);
    case "+":
      return value + size;
    default:
      return value * size;
  }
}
