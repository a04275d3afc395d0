import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "./graph.ts";
import { defineOp, inferred } from "./op.ts";
import { type Attribute, operandSpec } from "./signature.ts";
import type { DataType, Tensor } from "./tensor.ts";

const tensor = (dtype: DataType, shape: number[], storage: Tensor["storage"] = "dense"): Tensor => ({
  name: "t",
  role: "input",
  dtype,
  storage,
  shape,
});

const groups = defineOp({
  name: "groups",
  meaning: "for the test",
  inputs: { x: "act[T,n]", w: "weight[d]", "a?": "act[T,r]", "b?": "dense[r,n]", row: "i32[T]" },
  accumulates: { "total?": "sum[n/d*T]" },
  outputs: { y: "act[T,n]", sums: "sum[n/d*T]", next: "i32[T]", "wide?": "act[T,u]", copy: "any[T]" },
  attributes: {
    heads: { type: "i32", min: 1, multipleOf: "kvHeads" },
    kvHeads: { type: "i32", min: 1 },
    p: { type: "f32", min: 0, below: 1 },
    mode: { type: "i32", values: [0, 3] },
  } satisfies Record<string, Attribute>,
  together: [["a", "b"]],
});

const attributes = { heads: 4, kvHeads: 2, p: 0.5, mode: 3 };
const x = tensor("BF16", [6, 8]);
const operands = { x, w: tensor("F32", [4], "NF4"), row: tensor("I32", [6]) };

test("types and shapes of outputs follow from the operands if the signature determines them", () => {
  const facts = inferred(groups, operands, attributes);
  assert.deepEqual(facts, {
    y: { dtype: "BF16", shape: [6, 8] },
    sums: { dtype: "F32", shape: [12] },
    next: { dtype: "I32", shape: [6] },
    wide: undefined,
    copy: undefined,
  });
  const double = { ...operands, x: tensor("F64", [6, 8]) };
  assert.equal(inferred(groups, double, attributes).sums?.dtype, "F64");
});

test("a scale per started block of a contiguous operand of any shape is required", () => {
  const blocks = defineOp({
    name: "blocks",
    meaning: "for the test",
    inputs: { x: "f32[#]", codes: "u8[#]", scales: "f32[#~256]" },
    outputs: { y: "f32[#]" },
  });
  const given = { x: tensor("F32", [3, 100]), codes: tensor("U8", [3, 100]) };
  assert.deepEqual(inferred(blocks, { ...given, scales: tensor("F32", [2]) }, {}).y?.shape, [3, 100]);
  assert.throws(() => inferred(blocks, { ...given, scales: tensor("F32", [1]) }, {}), /scales must be \[2\]/);
  const floats = { ...given, codes: tensor("F32", [3, 100]), scales: tensor("F32", [2]) };
  assert.throws(() => inferred(blocks, floats, {}), /codes \(u8\) may not be F32/);
});

const wrong: [string, Partial<Record<string, Tensor>>, Partial<Record<string, number>>, RegExp][] = [
  ["a shape that contradicts another", { row: tensor("I32", [5]) }, {}, /groups: row must be \[6\], but t is \[5\]/],
  ["another rank", { x: tensor("F32", [6]) }, {}, /x must be \[T,n\], but is \[6\]/],
  [
    "a division with a remainder",
    { w: tensor("F32", [3]), total: tensor("F32", [16]) },
    {},
    /8 is not a multiple of 3/,
  ],
  ["another data type", { row: tensor("F32", [6]) }, {}, /row \(i32\) may not be F32/],
  ["activations of two types", { a: tensor("F32", [6, 2]), b: tensor("F32", [2, 8]) }, {}, /a \(act\) may not be F32/],
  ["NF4 where it cannot be read", { x: tensor("F32", [6, 8], "NF4") }, {}, /x: NF4 is not accepted/],
  ["half a pair", { a: tensor("BF16", [6, 2]) }, {}, /a and b must be both present or both absent/],
  ["an attribute below its range", {}, { heads: 0 }, /attribute heads may not be 0/],
  ["an attribute at the end of its range", {}, { p: 1 }, /attribute p may not be 1/],
  ["a value that is not listed", {}, { mode: 2 }, /attribute mode may not be 2/],
  ["an attribute that another does not divide", {}, { heads: 5 }, /heads is 5, not a multiple of kvHeads, 2/],
  ["an attribute that is not a number", {}, { p: Number.NaN }, /attribute p is NaN/],
];
for (const [what, changed, values, reason] of wrong) {
  test(`${what} is refused with the operand's name`, () => {
    const given = { ...attributes, ...values } as typeof attributes;
    assert.throws(() => inferred(groups, { ...operands, ...changed }, given), reason);
  });
}

test("existing outputs are checked like operands", () => {
  const outputs = { y: x, sums: tensor("F32", [12]), next: tensor("I32", [6]), copy: tensor("U8", [6]) };
  groups.into(new Graph(), operands, attributes, outputs);
  const shorter = { ...outputs, next: tensor("I32", [5]) };
  assert.throws(() => groups.into(new Graph(), operands, attributes, shorter), /next must be \[6\]/);
});

test("text that is not a type with dimensions is refused", () => {
  assert.throws(() => operandSpec("x", "act[]", "in"), /operand x: act\[\] is not type\[dimensions\]/);
});
