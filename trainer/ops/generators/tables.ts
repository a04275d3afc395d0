/** `native/generated/opTable.h`: the signatures against which the loader checks instructions. */
import type { AnyOp } from "../../graph/op.ts";
import type { AttributeSpec, OperandSpec } from "../../graph/signature.ts";
import { isComputing, type ListedOp } from "../index.ts";
import { command } from "./structs.ts";

export function tables(ops: readonly ListedOp[]): string {
  return [preamble, ...ops.filter(isComputing).map(lists), table(ops), "}  // namespace luthier\n"].join("\n");
}

const preamble = `// Generated from trainer/ops/*/op.ts by \`${command}\`. Do not edit.
//
// The signature of each op: its operands, its attributes and their bounds.
#pragma once

#include "../runtime/signatures.h"
#include "ops.h"

namespace luthier {
`;

function lists(op: AnyOp): string {
  const operands = op.operands.map((operand) => `    ${operandLine(op, operand)},\n`).join("");
  const attributes = Object.entries(op.attributes).map(([name, rule]) => `    ${attributeLine(op, name, rule)},\n`);
  const array = (type: string, name: string, lines: string) =>
    lines === "" ? "" : `inline constexpr ${type} ${op.name}${name}[] = {\n${lines}};\n`;
  return array("OperandInfo", "Operands", operands) + array("AttributeInfo", "Attributes", attributes.join(""));
}

/** Name, type, dimensions; whether it is optional, is written, must not change after its check; its partner, the attribute of its count. */
function operandLine(op: AnyOp, operand: OperandSpec): string {
  const { name, type, terms, optional, access } = operand;
  const pair = op.together.find((names) => names.includes(name));
  const partner = op.operands.findIndex((other) => other.name !== name && pair?.includes(other.name));
  const flags = [optional, access !== "in", isHeld(op, operand)].join(", ");
  const count = Object.keys(op.attributes).indexOf(operand.count ?? "");
  return `{"${name}", OperandType::${type}, "${terms.join(",")}", ${flags}, ${partner}, ${count}}`;
}

/** Integers, and operands that decide whether an index counts. */
const isHeld = ({ indices }: AnyOp, { name, type, access }: OperandSpec): boolean =>
  access === "in" &&
  (type === "i32" || type === "u32" || indices.some((rule) => "where" in rule && rule.where === name));

/** Name, whether real, lowest, highest, whether below the highest, the divisor's place, the values where they are few. */
function attributeLine(op: AnyOp, name: string, { type, min, max, below, values, multipleOf }: AttributeSpec): string {
  const divisor = Object.keys(op.attributes).indexOf(multipleOf ?? "");
  const bounds = [min ?? "-unbounded", below ?? max ?? "unbounded", below !== undefined].join(", ");
  return `{"${name}", ${type === "f32"}, ${bounds}, ${divisor}, {${(values ?? []).join(", ")}}, ${values?.length ?? 0}}`;
}

function table(ops: readonly ListedOp[]): string {
  const lines = ops.map((op) => {
    if (!isComputing(op)) return `    {"${op.name}", nullptr, -1, nullptr, 0, 0},\n`;
    const attributes = Object.values(op.attributes);
    const listed = attributes.length === 0 ? "nullptr" : `${op.name}Attributes`;
    const counts = `${attributes.length}, ${attributes.filter(({ optional }) => !optional).length}`;
    return `    {"${op.name}", ${op.name}Operands, ${op.operands.length}, ${listed}, ${counts}},\n`;
  });
  return `// By opcode − 1. An operand count of −1: any number.\ninline constexpr OpInfo opTable[opcodeCount] = {\n${lines.join("")}};\n`;
}
