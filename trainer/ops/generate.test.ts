import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { headerPath, opsHeader } from "./generate.ts";

test("the committed C++ header is what the op definitions say", () => {
  assert.equal(readFileSync(headerPath, "utf8"), opsHeader(), "run node tools/node24.mjs trainer/ops/generate.ts");
});
