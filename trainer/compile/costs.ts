/** The costs of a program's nodes: arithmetic, scratch, and the bytes that each must read and write. Pure. */
import type { Program, Work } from "../graph/compiled.ts";
import type { Node } from "../graph/graph.ts";
import { nf4Parts } from "../graph/nf4.ts";
import { type Device, moreScratch, noScratch } from "../graph/op.ts";
import { bytesOf, elementsOf, type Tensor } from "../graph/tensor.ts";

export function costsOf(nodes: readonly Node[], device: Device, keys: number): Pick<Program, "flops" | "scratch"> {
  let [flops, scratch] = [0, noScratch];
  for (const { op, operands, outputs, attributes } of nodes) {
    const cost = { keys, outputs: Object.keys(outputs) };
    flops += op.flops(operands, cost);
    scratch = moreScratch(scratch, op.scratch(device, operands, cost, attributes));
  }
  return { flops, scratch };
}

/** A node's work. It reads each operand and writes each output once; it reads and writes an accumulated one. */
export function workOf(node: Node, keys: number, doubleQuantization: boolean): Work {
  const { op, operands, outputs } = node;
  let [bytes, type]: [number, Work["type"]] = [0, "F32"];
  for (const { name, access, type: kind } of op.operands) {
    const tensor = operands[name] ?? outputs[name];
    if (!tensor) continue;
    bytes += storedBytes(tensor, doubleQuantization) * shareOf(node, name, tensor) * (access === "inOut" ? 2 : 1);
    if (kind === "act" && tensor.dtype === "BF16") type = "BF16";
  }
  return { op: op.name, flops: op.flops(operands, { keys, outputs: Object.keys(outputs) }), bytes, type };
}

/** The share of an operand's rows that an instruction touches. */
function shareOf({ op, operands }: Node, name: string, tensor: Tensor): number {
  const indices = operands[op.sparse[name] ?? ""];
  return indices ? Math.min(1, elementsOf(indices.shape) / (tensor.shape[0] ?? 1)) : 1;
}

function storedBytes(tensor: Tensor, doubleQuantization: boolean): number {
  if (tensor.members) return tensor.members.reduce((sum, member) => sum + storedBytes(member, doubleQuantization), 0);
  if (tensor.storage === "dense") return bytesOf(tensor);
  return nf4Parts(tensor.name, tensor.shape, doubleQuantization).reduce((sum, part) => sum + bytesOf(part), 0);
}
