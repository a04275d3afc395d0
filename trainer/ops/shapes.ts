/** Checks that operands fit together, with a message that names op, operand and both shapes. */
import type { DataType, Tensor, TensorFacts } from "../graph/tensor.ts";

export function expectShape(op: string, operand: string, tensor: Tensor | undefined, shape: readonly number[]): void {
  if (tensor && tensor.shape.join() !== shape.join()) {
    throw new Error(`${op}: ${operand} must be [${shape}], and ${tensor.name} is [${tensor.shape}]`);
  }
}

/** Rows and columns of a matrix. */
export function matrix(op: string, operand: string, tensor: Tensor): readonly [number, number] {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new Error(`${op}: ${operand} must be a matrix, and ${tensor.name} is [${tensor.shape}]`);
  }
  return [rows, columns];
}

export const like = ({ dtype, shape }: TensorFacts): TensorFacts => ({ dtype, shape });

export const facts = (dtype: DataType, ...shape: number[]): TensorFacts => ({ dtype, shape });
