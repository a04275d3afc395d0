/** `native/generated/indices.h`: the run-time check of each op's integers. */
import type { AnyOp, IndexRule } from "../../graph/op.ts";
import { computing, type ListedOp } from "../index.ts";
import { command, structName } from "./structs.ts";

export function indices(ops: readonly ListedOp[]): string {
  const indexed = computing(ops).filter((op) => op.indices.length > 0);
  const list = indexed.map(({ name }) => `  X(${name}, ${structName(name)})`).join(" \\\n");
  return [
    preamble,
    ...indexed.map(check),
    `// X(name, Struct) for every op that has indices.\n#define LUTHIER_INDEXED_OPS(X) \\\n${list}\n`,
    "}  // namespace luthier\n",
  ].join("\n");
}

const preamble = `// Generated from trainer/ops/*/op.ts by \`${command}\`. Do not edit.
#pragma once

#include "../runtime/indices.h"
#include "ops.h"

namespace luthier {
`;

function check(op: AnyOp): string {
  const lines = op.indices.map((rule) => `  check.${within(op, rule)};\n`);
  const distinct = op.distinct.map((name) => `{&op.${name}, ${rowsOf(op, name)}}`);
  if (distinct.length > 0) lines.push(`  check.distinct({${distinct.join(", ")}});\n`);
  return `inline void checkIndices(const ${structName(op.name)}& op) {\n  const IndexCheck check("${op.name}");\n${lines.join("")}}\n`;
}

function within(op: AnyOp, rule: IndexRule<string>): string {
  if ("upTo" in rule) return `upToOwnRow("${rule.operand}", op.${rule.operand})`;
  if ("ascendsTo" in rule) return `ascending("${rule.operand}", op.${rule.operand}, ${size(op, rule.ascendsTo)})`;
  const { operand, below, skips = false, where } = rule;
  const bounds = [`"${operand}"`, `op.${operand}`, skips ? -1 : 0, size(op, below)];
  return `within(${[...bounds, ...(where === undefined ? [] : [`&op.${where}`])].join(", ")})`;
}

/** The number of rows that an index may name. */
function rowsOf(op: AnyOp, name: string): string {
  const rule = op.indices.find(({ operand }) => operand === name);
  if (!rule || !("below" in rule))
    throw new Error(`${op.name}: ${name} is listed as distinct, but no rule bounds it: add it to the op's indices`);
  return size(op, rule.below);
}

/** A dimension of the signature, read from an operand that is never absent. */
function size(op: AnyOp, dimension: string): string {
  const holder = op.operands.find(({ optional, terms }) => !optional && terms.includes(dimension));
  if (!holder) throw new Error(`${op.name}: no required operand has a dimension ${dimension}`);
  return `op.${holder.name}.dims[${holder.terms.indexOf(dimension)}]`;
}
