/** `native/generated/ops.h`: the opcodes, and for each op a struct that names its operands and attributes. */
import type { AnyOp } from "../../graph/op.ts";
import type { OperandSpec } from "../../graph/signature.ts";
import { computing, type ListedOp } from "../index.ts";

export const structName = (name: string): string => (name[0] ?? "").toUpperCase() + name.slice(1);

export const command = "node tools/node24.mjs trainer/ops/generate.ts";

export function structs(ops: readonly ListedOp[]): string {
  return [
    preamble,
    `enum class Opcode : int32_t {\n${ops.map(({ name }, index) => `  ${name} = ${index + 1},\n`).join("")}};\n`,
    `inline constexpr int32_t opcodeCount = ${ops.length};  // opcodes run from 1 to this\n`,
    ...computing(ops).map(struct),
    `// X(name, Struct) for every op that computes something.\n#define LUTHIER_OPS(X) \\\n${computing(ops)
      .map(({ name }) => `  X(${name}, ${structName(name)})`)
      .join(" \\\n")}\n`,
    "}  // namespace luthier\n",
  ].join("\n");
}

const preamble = `// Generated from trainer/ops/*/op.ts by \`${command}\`. Do not edit.
//
// The opcodes, and for each op a struct that names its operands and attributes. An optional operand is a
// pointer, null when absent; an operand of several tensors points to the first; all others are references. A struct is built from a Call that the loader has checked
// (opTable.h). Kernel translation units include this header, so it stays free of the standard library's templates.
#pragma once

#include <cstdint>

#include "../runtime/call.h"

namespace luthier {
`;

const attributeType = { i32: "int32_t", f32: "float" } as const;
const attributeReader = { i32: "integer", f32: "real" } as const;

/** Optional operands, and the first of several tensors. */
const isPointer = ({ optional, count }: OperandSpec): boolean => optional || count !== undefined;

function bitsOf(name: string, op: AnyOp, holds: (operand: OperandSpec) => boolean): string {
  const bits = op.operands.reduce((sum, operand, index) => sum + (holds(operand) ? 2 ** index : 0), 0);
  return `  static constexpr uint32_t ${name} = 0x${bits.toString(16)};  // by bit`;
}

function struct(op: AnyOp): string {
  const attributes = Object.entries(op.attributes);
  const fields = [
    ...op.operands.map((operand) => `  const Tensor${isPointer(operand) ? "*" : "&"} ${operand.name};`),
    ...attributes.map(([name, { type }]) => `  ${attributeType[type]} ${name};`),
  ];
  const initialisers = [
    ...op.operands.map((operand, index) => `${operand.name}(${isPointer(operand) ? "" : "*"}call.operands[${index}])`),
    ...attributes.map(([name, { type }], index) => `${name}(call.${attributeReader[type]}(${index}))`),
  ];
  const type = structName(op.name);
  const bits = [
    bitsOf("optionalOperands", op, ({ optional }) => optional),
    bitsOf("groupedOperands", op, ({ count }) => count !== undefined),
  ];
  const build = `  LUTHIER_EVERYWHERE explicit ${type}(const Call& call)\n      : ${initialisers.join(",\n        ")} {}`;
  return `struct ${type} {\n${[...fields, ...bits].join("\n")}\n\n${build}\n};\n`;
}
