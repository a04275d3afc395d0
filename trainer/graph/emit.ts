/**
 * The last pass: nodes, with every tensor's place known, to the flat program of docs/engine.md. Pure.
 */
import { encodeProgram, type Place, type ProgramInstruction, type ProgramTensor } from "../native/program.ts";
import { opcodeOf } from "../ops/index.ts";
import { release } from "../ops/release/op.ts";
import type { Node } from "./graph.ts";
import { operandNames, plain } from "./op.ts";
import type { Tensor } from "./tensor.ts";

export interface ProgramParts {
  readonly nodes: readonly Node[];
  /** For each node, what nothing reads after it. */
  readonly released: readonly (readonly Tensor[])[];
  locate(tensor: Tensor): Place;
  readonly arenaBytes: number;
  readonly stateBytes: number;
  readonly ioBytes: number;
  readonly weightCount: number;
}

export function emit({ nodes, released, locate, ...sizes }: ProgramParts): Uint8Array {
  const table = new TensorTable(locate);
  const instructions = nodes.flatMap((node, index) => {
    const dead = released[index] ?? [];
    const made = [instruction(node, table)];
    if (dead.length > 0) made.push({ opcode: opcodeOf(release), operands: dead.map(table.index), attributes: [] });
    return made;
  });
  return encodeProgram({ ...sizes, tensors: table.tensors, instructions });
}

/** Each tensor once, in the order of first use. */
class TensorTable {
  readonly tensors: ProgramTensor[] = [];
  readonly index: (tensor: Tensor) => number;

  constructor(locate: (tensor: Tensor) => Place) {
    const indices = new Map<Tensor, number>();
    this.index = (tensor) => {
      const index = indices.get(tensor) ?? this.tensors.length;
      if (index === this.tensors.length) {
        indices.set(tensor, index);
        this.tensors.push({ dtype: tensor.dtype, shape: tensor.shape, place: locate(tensor) });
      }
      return index;
    };
  }
}

function instruction({ op, operands, outputs, attributes }: Node, table: TensorTable): ProgramInstruction {
  const tensors = operandNames(op).map((name) => operands[plain(name)] ?? outputs[plain(name)]);
  return {
    opcode: opcodeOf(op),
    operands: tensors.map((tensor) => tensor && table.index(tensor)),
    attributes: Object.entries(op.attributes).map(([name, type]) => ({
      type,
      value: attributeValue(op.name, name, attributes),
    })),
  };
}

function attributeValue(op: string, name: string, attributes: Node["attributes"]): number {
  const value = attributes[name];
  if (value === undefined || !Number.isFinite(value)) throw new Error(`${op}: attribute ${name} is ${value}`);
  return value;
}
