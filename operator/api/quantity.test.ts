import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { quantity } from "./common.ts";
import { quantityBytes, quantityNumber } from "./quantity.ts";

describe("a quantity that the schema accepts is a number", () => {
  const numbers: [string | number, number][] = [
    ["1500m", 1.5],
    ["2000000u", 2],
    ["3500000000n", 3.5],
    // 700 × 1e-3 is a little more.
    ["700m", 0.7],
    [2, 2],
    [".5", 0.5],
    ["1.5k", 1500],
    ["1e9", 1e9],
    ["25e-1", 2.5],
    ["1E", 1e18],
    ["1E3", 1000],
    ["2Gi", 2 ** 31],
    ["1.5Ki", 1536],
  ];
  for (const [text, number] of numbers) {
    test(`${text} is ${number}`, () => {
      assert.equal(quantity.safeParse(text).success, true);
      assert.equal(quantityNumber(text), number);
    });
  }
});

test("the schema rejects an invalid quantity, which is no number", () => {
  for (const text of ["lots", "", "1e", "-1", "1.", "2gi", "1Ke", "0x10"]) {
    assert.equal(quantity.safeParse(text).success, false);
    assert.equal(quantityNumber(text), undefined);
  }
});

test("a quantity of bytes is a whole number", () => {
  assert.deepEqual(["2Gi", "100m", "1500m", "lots"].map(quantityBytes), [2 ** 31, 0, 1, undefined]);
});

test("the schema rejects a fraction without quotes and names the valid form: a custom resource has no fractional numbers", () => {
  for (const value of [1.5, true, null, -1.5, {}]) {
    const { error } = quantity.safeParse(value);
    assert.match(error?.issues[0]?.message ?? "", /must be an integer, or a quantity in quotes such as "1\.5"/);
  }
});
