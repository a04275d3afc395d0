/**
 * What restates the definitions lists what they list: the table of docs/engine.md, for people who write kernels, and the
 * executor's signatures, whose missing lines no compiler finds.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type ListedOp, ops } from "./index.ts";

const page = readFileSync(new URL("../../docs/engine.md", import.meta.url), "utf8");
const section = page.slice(page.indexOf("\n## Ops\n"), page.indexOf("**Randomness.**"));
const rows = [...section.matchAll(/^\| (\w+)(?: \[(.+?)\])? +\| (.+?) +\|/gm)]
  .map(([, name = "", attributes, operands = ""]) => ({ name, attributes, operands }))
  .filter(({ name }) => name !== "op");

/** Commas outside brackets. */
const listed = (text: string) => text.split(/,(?![^[]*\])/).map((part) => part.trim());

/** "w", "y?", "m +=": the role of each operand, in order. */
function rolesOf(op: ListedOp): string[] {
  if (!("inputs" in op)) return [];
  const { inputs, accumulates = [], outputs } = op;
  const optional = (name: string) => (name.endsWith("?") ? "?" : "");
  return [
    ...inputs.map((name) => `in${optional(name)}`),
    ...accumulates.map((name) => `in-out${optional(name)}`),
    ...outputs.map((name) => `out${optional(name)}`),
  ];
}

function rolesInRow(operands: string): string[] {
  const [before = "", after = ""] = operands.split("→");
  const role = (word: string, side: string) => `${side}${/^\S+?\?/.test(word) ? "?" : ""}`;
  return [
    ...listed(before)
      .filter(Boolean)
      .map((word) => role(word, word.endsWith("+=") ? "in-out" : "in")),
    ...listed(after)
      .filter(Boolean)
      .map((word) => role(word, "out")),
  ];
}

test("the table of ops has them all, in order of their opcodes", () => {
  assert.deepEqual(
    rows.map(({ name }) => name),
    ops.map(({ name }) => name),
  );
});

for (const [index, op] of ops.entries()) {
  if (op.name === "release") continue;
  test(`its row of ${op.name} has the operands and attributes that the definition has`, () => {
    const row = rows[index]!;
    const attributes = row.attributes === "same" ? rows[index - 1]?.attributes : row.attributes;
    assert.deepEqual(rolesInRow(row.operands), rolesOf(op));
    assert.equal(
      attributes === undefined ? 0 : listed(attributes).length,
      Object.keys("attributes" in op ? op.attributes : {}).length,
    );
  });
}

test("the executor has a signature of each op, with an entry for each operand", () => {
  const source = readFileSync(new URL("../native/runtime/signatures.cc", import.meta.url), "utf8");
  const lines = [...source.matchAll(/\/\* (\w+) \*\/((?:\s*"[^"]*")+)/g)].map(([, name, text = ""]) => {
    const signature = text.replaceAll(/"\s*"/g, "").replaceAll('"', "").trim();
    return [name, signature === "" ? 0 : signature.split(/\s+/).length];
  });
  assert.deepEqual(
    lines,
    ops.map((op) => [op.name, rolesOf(op).length]),
  );
});
