import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalDecimal, decimal } from "./decimal.ts";

test("decimals of one value have one spelling", () => {
  for (const [spellings, canonical] of [
    [["2e-4", "0.0002", "0.00020", "2.0E-4", "20e-5"], "2e-4"],
    [["0", "0.0", "-0", "0e5"], "0"],
    [["1", "1.0", "1e0", "10e-1"], "1"],
    [["-1.50", "-15e-1"], "-15e-1"],
    [["100", "1e2", "1E+2"], "1e2"],
  ] as const) {
    for (const spelling of spellings) assert.equal(canonicalDecimal(spelling), canonical, spelling);
  }
});

test("a canonical decimal keeps every digit, also those a double cannot hold", () => {
  assert.equal(canonicalDecimal("0.1234567890123456"), "1234567890123456e-16");
  assert.notEqual(canonicalDecimal("9007199254740993"), canonicalDecimal("9007199254740992"));
});

test("what is not a decimal is refused", () => {
  const field = decimal("Rate.");
  for (const text of ["", "1e", ".5", "5.", "0x10", "NaN", "Infinity", "1e1000", "01", "1 ", "1,5"]) {
    assert.equal(field.safeParse(text).success, false, JSON.stringify(text));
    assert.throws(() => canonicalDecimal(text));
  }
});

test("bounds are inclusive unless they say otherwise", () => {
  const share = decimal("Share.", { min: 0, max: 1 });
  assert.equal(share.safeParse("1").success, true);
  assert.equal(share.safeParse("1.0000001").success, false);
  const rate = decimal("Rate.", { exclusiveMin: 0 });
  assert.equal(rate.safeParse("0").success, false);
  assert.match(rate.safeParse("0").error?.issues[0]?.message ?? "", /above 0/);
});
