import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalDecimal, ceilOfProduct, decimal } from "./decimal.ts";

test("decimals of equal value have one canonical spelling", () => {
  for (const [spellings, canonical] of [
    [["2e-4", "0.0002", "0.00020", "2.0E-4", "20e-5"], "2e-4"],
    [["0", "0.0", "-0", "0e5"], "0"],
    [["1", "1.0", "1e0", "10e-1"], "1"],
    [["-1.50", "-15e-1"], "-15e-1"],
    [["100", "1e2", "1E+2"], "1e2"],
  ] as const) {
    for (const spelling of spellings) assert.equal(canonicalDecimal(Number(spelling)), canonical, spelling);
  }
});

test("a canonical decimal is the shortest one that reads as the same double, however many digits that takes", () => {
  for (const [spelling, canonical] of [
    ["0.1234567890123456", "1234567890123456e-16"],
    ["1.2345678901234567e-3", "12345678901234567e-19"],
    ["3.1622776601683795e-4", "31622776601683794e-20"],
    ["9007199254740993", "9007199254740992"],
    ["1e99", "1e99"],
    ["5e-324", "5e-324"],
  ] as const) {
    assert.equal(canonicalDecimal(Number(spelling)), canonical, spelling);
    assert.equal(Number(canonical), Number(spelling));
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => canonicalDecimal(value));
});

test("a product is rounded up from the written decimal, not from its binary fraction", () => {
  for (const [value, factor, product] of [
    [1.1, 100, 110],
    [2.3, 100, 230],
    [0.07, 100, 7],
    [1.1, 101, 112],
    [0.5, 5, 3],
    [1000, 123_456_789, 123_456_789_000],
    [1e-99, 7, 1],
    [0, 7, 0],
    [-1.5, 3, -4],
  ] as const) {
    assert.equal(ceilOfProduct(value, factor), product, `${value} · ${factor}`);
  }
});

test("text that is not a decimal is refused", () => {
  const field = decimal("Rate.");
  for (const text of ["", "1e", ".5", "5.", "0x10", "NaN", "Infinity", "1e1000", "01", "1 ", "1,5"]) {
    assert.equal(field.safeParse(text).success, false, JSON.stringify(text));
  }
});

test("bounds are inclusive unless declared exclusive", () => {
  const share = decimal("Share.", { min: 0, max: 1 });
  assert.equal(share.safeParse("1").success, true);
  assert.equal(share.safeParse("1.0000001").success, false);
  const rate = decimal("Rate.", { exclusiveMin: 0 });
  assert.equal(rate.safeParse("0").success, false);
  assert.match(rate.safeParse("0").error?.issues[0]?.message ?? "", /above 0/);
});
