import assert from "node:assert/strict";
import { test } from "node:test";
import { training } from "./training.ts";

test("an epsilon that underflows to 0 in single precision is refused, because a gradient of 0 would be divided by it", () => {
  const withEpsilon = (epsilon: string) => training.written.safeParse({ optimizer: { type: "AdamW", epsilon } });
  for (const epsilon of ["1e-50", "0", "0.9e-30"]) {
    assert.match(withEpsilon(epsilon).error?.issues[0]?.message ?? "", /at least 1e-30/, epsilon);
  }
  for (const epsilon of ["1e-30", "1e-8", "1"]) assert.equal(withEpsilon(epsilon).success, true, epsilon);
});
