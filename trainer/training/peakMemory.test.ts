import assert from "node:assert/strict";
import { before, test } from "node:test";
import { buildNative } from "../native/build.ts";
import { releaseMemory } from "./peakMemory.ts";

before(() => buildNative());

test("memory without references is returned to the kernel", () => {
  let held: unknown[] = Array.from({ length: 60 }, (_, index) => new Float64Array(2 ** 17).fill(index));
  const full = process.memoryUsage.rss();
  assert.equal(held.length, 60);
  held = [];
  releaseMemory();
  assert.ok(full - process.memoryUsage.rss() > 40 * 2 ** 20, "60 MiB were held");
});
