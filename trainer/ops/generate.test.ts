import assert from "node:assert/strict";
import { test } from "node:test";
import { defineOp } from "../graph/op.ts";
import { committed, generatedFiles } from "./generate.ts";
import { indices } from "./generators/indices.ts";
import { withTable } from "./generators/page.ts";
import { tables } from "./generators/tables.ts";

for (const { path, text } of generatedFiles()) {
  test(`${path} matches the declarations of the ops`, () => {
    assert.equal(committed(path), text, "run node tools/node24.mjs trainer/ops/generate.ts");
  });
}

const scale = defineOp({
  name: "scaleRows",
  meaning: "rows of x times f",
  inputs: { x: "act[T,d]", row: "i32[R]", "f?": "sum[R]", "g?": "sum[R]", parts: "dense[d]×kind", from: "i32[kind]" },
  accumulates: { y: "sum[V,d]" },
  outputs: { "z?": "act[*]" },
  attributes: { kind: { type: "i32", values: [2, 5] }, p: { type: "f32", min: 0, below: 1 } },
  together: [["f", "g"]],
  indices: [
    { operand: "row", below: "V", skips: true },
    { operand: "from", ascendsTo: "T" },
  ],
  distinct: ["row"],
});

test("the generated table has a line for each operand and attribute of an op, with flags, partner and bounds", () => {
  const text = tables([scale]);
  assert.match(text, /\{"x", OperandType::act, "T,d", false, false, false, -1, -1\}/);
  assert.match(text, /\{"row", OperandType::i32, "R", false, false, true, -1, -1\}/);
  assert.match(text, /\{"f", OperandType::sum, "R", true, false, false, 3, -1\}/);
  assert.match(text, /\{"y", OperandType::sum, "V,d", false, true, false, -1, -1\}/);
  assert.match(text, /\{"parts", OperandType::dense, "d", false, false, false, -1, 0\}/);
  assert.match(text, /\{"kind", false, -unbounded, unbounded, false, -1, \{2, 5\}, 2\}/);
  assert.match(text, /\{"p", true, 0, 1, true, -1, \{\}, 0\}/);
});

test("a generated check compares an index with the dimension of an operand by its name", () => {
  const text = indices([scale]);
  assert.match(text, /check\.within\("row", op\.row, -1, op\.y\.dims\[0\]\);/);
  assert.match(text, /check\.ascending\("from", op\.from, op\.x\.dims\[0\]\);/);
  assert.match(text, /check\.distinct\(\{\{&op\.row, op\.y\.dims\[0\]\}\}\);/);
});

test("a row of the documented table has the operands in order and marks accumulated and optional ones", () => {
  const table = withTable("a\n<!-- ops: generated -->\nold\n<!-- /ops -->\nb\n", [scale]);
  assert.match(
    table,
    /\| scaleRows \[kind, p\] \| x act\[T,d\], row i32\[R\], f\? sum\[R\], g\? sum\[R\], parts dense\[d\]×kind, from i32\[kind\], y sum\[V,d\] \+= → z\? act\[\\\*\] \| rows of x times f \|/,
  );
  assert.ok(table.startsWith("a\n") && table.endsWith("b\n") && !table.includes("old"));
});
