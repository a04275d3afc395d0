/**
 * A layer's experts in an adapter that trains them whole (`modulesToSave`). The module of transformers 5 has one tensor of all
 * of them: `experts.gate_up_proj` [experts, 2 · width, d], gate before up, and `experts.down_proj` [experts, d, width]; gpt-oss,
 * whose experts have biases, has each transposed and gate and up in alternating columns, as the trainer does. Pure.
 */
import type { NamedValues } from "./peft.ts";

const own = /^(.*\.experts)\.(\d+)\.(gate_proj|up_proj|gate_up_proj|down_proj)\.weight$/;
const fused = /^(.*\.experts)\.(gate_up_proj|down_proj)$/;

const partOf = (name: string): string => (name === "gate_proj" || name === "up_proj" ? "gate_up_proj" : name);

/** The parameters with the experts of each layer in one. */
export function fusedExperts(parameters: readonly NamedValues[]): NamedValues[] {
  const groups = Map.groupBy(parameters, ({ name }) => {
    const [, at, , matrix] = own.exec(name) ?? [];
    return matrix === undefined ? name : `${at}.${partOf(matrix)}`;
  });
  return [...groups].flatMap(([name, members]) => {
    if (!own.test(members[0]!.name)) return members;
    const at = name.slice(0, name.lastIndexOf("."));
    return [
      fusedOf(
        name,
        members,
        hasBiases(at, (one) => groups.has(one)),
      ),
    ];
  });
}

const hasBiases = (at: string, has: (name: string) => boolean): boolean => has(`${at}.gate_up_proj_bias`);

/** `members`: the matrices [rows, columns] of all experts, of each its gate before its up. */
function fusedOf(name: string, members: readonly NamedValues[], isTransposed: boolean): NamedValues {
  const place = ({ name: one }: NamedValues) => {
    const [, , expert, matrix] = own.exec(one)!;
    return [Number(expert), matrix === "up_proj" ? 1 : 0] as const;
  };
  const sorted = [...members].sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
  const count = new Set(members.map((one) => place(one)[0])).size;
  const [rows = 0, columns = 0] = sorted[0]!.shape;
  const values = new Float32Array(members.length * rows * columns);
  for (const [index, one] of sorted.entries())
    values.set(isTransposed ? turned(one.values, rows, columns) : one.values, index * rows * columns);
  const all = (members.length / count) * rows;
  return { name, shape: isTransposed ? [count, columns, all] : [count, all, columns], values };
}

/** The tensors with a matrix for each expert. */
export function splitExperts(tensors: readonly NamedValues[]): NamedValues[] {
  const names = new Set(tensors.map(({ name }) => name));
  return tensors.flatMap((tensor) => {
    const [, at = "", part] = fused.exec(tensor.name) ?? [];
    if (part === undefined) return [tensor];
    const isTransposed = hasBiases(at, (one) => names.has(one));
    const parts = part === "gate_up_proj" && !isTransposed ? ["gate_proj", "up_proj"] : [part];
    const [count = 0, first = 0, second = 0] = tensor.shape;
    const [rows, columns] = isTransposed ? [second, first] : [first / parts.length, second];
    const size = rows * columns;
    return Array.from({ length: count * parts.length }, (_, index) => {
      const values = tensor.values.subarray(index * size, (index + 1) * size);
      return {
        name: `${at}.${Math.floor(index / parts.length)}.${parts[index % parts.length]}.weight`,
        shape: [rows, columns],
        values: isTransposed ? turned(values, columns, rows) : values,
      };
    });
  });
}

/** Why a tensor cannot be the experts of a layer; undefined if it can, or is no such tensor. */
export function expertsFault({
  key,
  shape,
}: {
  readonly key: string;
  readonly shape: readonly number[];
}): string | undefined {
  const [, , part] = fused.exec(key) ?? [];
  if (part === undefined) return undefined;
  if (shape.length === 3 && shape.every((size) => size > 0) && (part === "down_proj" || shape[1]! % 2 === 0))
    return undefined;
  return `${key} has shape [${shape.join(", ")}], which is not that of all experts of a layer`;
}

function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const made = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) made[column * rows + row] = values[row * columns + column]!;
  return made;
}
