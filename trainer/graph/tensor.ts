/**
 * A symbolic tensor: it describes a value, not its location. The object is its identity; the graphs of one run share
 * the tensors of weights and state. Role, data type and storage are independent: a frozen NF4 matrix and a trainable
 * F32 one differ in all three, and no rule may infer one from another.
 */
import type { StateRole } from "./roles.ts";

export type DataType = "F32" | "BF16" | "I32" | "U32" | "U8" | "F64";

/** The origin and the lifetime of a value. */
export type Role = "frozen" | StateRole | "input" | "activation";

export type TensorStorage = "dense" | "NF4";

/** The initial value of a parameter. Each random number depends on the seed, the parameter's name and its index. */
export type Initial =
  | { kind: "zeros" }
  | { kind: "ones" }
  | { kind: "constant"; value: number }
  /** `fanIn`: default the second dimension. */
  | { kind: "kaimingUniform"; a: number; fanIn?: number }
  | { kind: "normal"; deviation: number }
  /** A or B of a pair with B·A = 0; `pair` names the layer. */
  | { kind: "orthogonal"; pair: string; part: "a" | "b" }
  /** `factor` times the rows of this matrix of the checkpoint for the text's tokens, cut or repeated. */
  | { kind: "text"; text: string; weight: string; shape: readonly [number, number]; factor: number }
  /** Some rows of this matrix of the checkpoint. */
  | { kind: "rows"; rows: readonly number[]; weight: string; shape: readonly [number, number] }
  /** The checkpoint's tensor of the same name. */
  | { kind: "base" }
  /** A or B, where scale·B·A is a part of this matrix of the checkpoint. */
  | {
      kind: "part";
      of: Decomposition;
      weight: string;
      shape: readonly [number, number];
      scale: number;
      side: "a" | "b";
    }
  /** A tensor of this name among the factors that prepare stored with the quantised base. */
  | { kind: "stored" }
  /** The norm of each row of this matrix of the checkpoint. */
  | { kind: "rowNorms"; weight: string; shape: readonly [number, number] };

/** `principal`: the largest singular values and their vectors · `qr`: the first columns of Q and rows of R. */
export type Decomposition = "principal" | "qr";

export interface TensorFacts {
  readonly dtype: DataType;
  /** Rows first: [tokens, width], [out, in], [n]. */
  readonly shape: readonly number[];
}

export interface Tensor extends TensorFacts {
  readonly name: string;
  readonly role: Role;
  readonly storage: TensorStorage;
  /** The tensors of a group, one for each expert of a layer. The group itself has no bytes. */
  readonly members?: readonly Tensor[];
  /** Rows of another tensor, from this one on, in the same bytes; all its dimensions but the last are flattened. */
  readonly within?: { readonly tensor: Tensor; readonly row: number };
}

/** Groups tensors of the same type, storage and shape into one operand. */
export function grouped(name: string, members: readonly Tensor[]): Tensor {
  const [first] = members;
  if (!first) throw new Error(`${name} has no tensors`);
  const odd = members.find(({ dtype, storage, shape }) => {
    return dtype !== first.dtype || storage !== first.storage || shape.join() !== first.shape.join();
  });
  if (odd) throw new Error(`${odd.name} differs from ${first.name}, beside which it is an operand`);
  return { ...first, name, members };
}

const bytesOfType: Record<DataType, number> = { F32: 4, BF16: 2, I32: 4, U32: 4, U8: 1, F64: 8 };

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Bytes of a dense tensor. */
export const bytesOf = ({ dtype, shape }: TensorFacts): number => elementsOf(shape) * bytesOfType[dtype];

/** Every offset of a program is a multiple of this. */
export const alignment = 64;

export const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Elements of the last dimension. */
export const widthOf = (tensor: TensorFacts): number => tensor.shape[tensor.shape.length - 1] ?? 1;

/** All dimensions but the last, flattened. */
export const rowsOf = (tensor: TensorFacts): number => elementsOf(tensor.shape) / widthOf(tensor);

export const isFloating = ({ dtype }: TensorFacts): boolean => dtype === "F32" || dtype === "BF16" || dtype === "F64";

/** The type of statistics and other sums beside activations: F32, or F64 under the double reference. */
export const sumType = ({ dtype }: TensorFacts): DataType => (dtype === "F64" ? "F64" : "F32");

/** A positive number as a data type holds it: BF16 has 8 significant bits. */
export function roundedTo(dtype: DataType, value: number): number {
  if (dtype !== "BF16") return value;
  const unit = 2 ** (Math.floor(Math.log2(value)) - 7);
  return Math.round(value / unit) * unit;
}
