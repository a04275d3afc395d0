/**
 * Prints trainer/native/generated/ops.h, what C++ knows of the ops, from their definitions: `node tools/node24.mjs
 * trainer/ops/generate.ts`. A test holds the committed file against `opsHeader()`, so that the two never drift.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type AnyOp, type AttributeType, isOptional, operandNames, plain } from "../graph/op.ts";
import { type ListedOp, ops } from "./index.ts";

export const headerPath = fileURLToPath(new URL("../native/generated/ops.h", import.meta.url));

const isComputing = (op: ListedOp): op is AnyOp => "outputs" in op;
const structName = (name: string): string => (name[0] ?? "").toUpperCase() + name.slice(1);

/** The text of the header. */
export function opsHeader(): string {
  const computing = ops.filter(isComputing);
  return [
    preamble,
    `enum class Opcode : int32_t {\n${ops.map(({ name }, index) => `  ${name} = ${index + 1},\n`).join("")}};\n`,
    `inline constexpr int32_t opcodeCount = ${ops.length};  // opcodes run from 1 to this\n`,
    opInfo,
    `inline constexpr OpInfo opTable[opcodeCount] = {\n${ops.map(tableLine).join("")}};\n`,
    ...computing.map(struct),
    `// X(name, Struct) for every op that computes something.\n#define LUTHIER_OPS(X) \\\n${computing
      .map(({ name }) => `  X(${name}, ${structName(name)})`)
      .join(" \\\n")}\n`,
    "}  // namespace luthier\n",
  ].join("\n");
}

const preamble = `// Generated from trainer/ops/*/op.ts by \`node tools/node24.mjs trainer/ops/generate.ts\`. Do not edit.
//
// The opcodes, and for each op a struct that names its operands and attributes. An operand that may be absent is a
// pointer, null when it is; all others are references. A struct is built from a Call that the loader has checked
// against \`opTable\` (counts, and -1 only where \`optional\` has the operand's bit set).
#pragma once

#include <cstdint>

#include "../runtime/call.h"

namespace luthier {
`;

const opInfo = `// What the loader checks an instruction against. operandCount -1: any number.
struct OpInfo {
  const char* name;
  int32_t operandCount;
  uint32_t optional;          // bit i: operand i may be absent
  int32_t firstWritten;       // operands from this one on are written (in-out, then out)
  int32_t attributeCount;
  const char* operands;       // names, separated by spaces
  const char* attributes;     // names with :i (an i32) or :f (the bits of an f32), separated by spaces
};
`;

function tableLine(op: ListedOp): string {
  if (!isComputing(op)) return `    {"${op.name}", -1, 0x0, 0, 0, "", ""},\n`;
  const names = operandNames(op);
  const optional = names.reduce((bits, name, index) => bits + (isOptional(name) ? 2 ** index : 0), 0);
  const attributes = Object.entries(op.attributes).map(([name, type]) => `${name}:${type[0]}`);
  const counts = `${names.length}, 0x${optional.toString(16)}, ${op.inputs.length}, ${attributes.length}`;
  return `    {"${op.name}", ${counts}, "${names.map(plain).join(" ")}", "${attributes.join(" ")}"},\n`;
}

const attributeType: Record<AttributeType, string> = { i32: "int32_t", f32: "float" };
const attributeReader: Record<AttributeType, string> = { i32: "integer", f32: "real" };

function struct(op: AnyOp): string {
  const operands = operandNames(op);
  const attributes = Object.entries(op.attributes);
  const fields = [
    ...operands.map((name) => `  const Tensor${isOptional(name) ? "*" : "&"} ${plain(name)};`),
    ...attributes.map(([name, type]) => `  ${attributeType[type]} ${name};`),
  ];
  const initialisers = [
    ...operands.map((name, index) => `${plain(name)}(${isOptional(name) ? "" : "*"}call.operands[${index}])`),
    ...attributes.map(([name, type], index) => `${name}(call.${attributeReader[type]}(${index}))`),
  ];
  const type = structName(op.name);
  const build = `  explicit ${type}(const Call& call)\n      : ${initialisers.join(",\n        ")} {}`;
  return `struct ${type} {\n${fields.join("\n")}\n\n${build}\n};\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(headerPath, opsHeader());
  process.stdout.write(`wrote ${headerPath}\n`);
}
