import assert from "node:assert/strict";
import { test } from "node:test";
import { factorsOfPart, subtractProduct } from "./parts.ts";

const scale = 2;
// Singular values 5, 3 and 1, along the axes.
const diagonal = () => ({ values: Float32Array.of(0, 3, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0), rows: 4, columns: 3 });

test("the principal part has the largest singular values, and subtracting it leaves the others", async () => {
  const w = diagonal();
  const factors = await factorsOfPart(w, 2, { scale, of: "principal" }, 1);
  // A's row and B's column share √(5/2).
  assert.ok(Math.abs(Math.abs(factors.a[0]!) - Math.sqrt(2.5)) < 1e-6);
  assert.ok(Math.abs(Math.abs(factors.b[2 * 2]!) - Math.sqrt(2.5)) < 1e-6);
  subtractProduct(w, factors, scale);
  const rest = Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  for (const [at, value] of w.values.entries()) assert.ok(Math.abs(value - rest[at]!) < 1e-6, `${at}: ${value}`);
});

test("the part of a QR decomposition is its first columns and rows, independent of the scale", async () => {
  const { a, b } = await factorsOfPart(diagonal(), 1, { scale, of: "qr" }, 1);
  assert.deepEqual(a.map(Math.abs), Float32Array.of(5, 0, 0));
  assert.deepEqual(b.map(Math.abs), Float32Array.of(0, 0, 1, 0));
  assert.ok(a[0]! * b[2]! > 0);
});
