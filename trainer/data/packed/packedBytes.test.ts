import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeDataset } from "../../testing/memoryDataset.ts";
import { packedBytes } from "./packedBytes.ts";

test("the size of a packed data set follows from its counts, to the byte", () => {
  for (const lengths of [[1], [3, 5, 2], Array.from({ length: 40 }, (_, index) => 1 + (index % 7))]) {
    const examples = lengths.map((length, index) => ({
      tokens: new Uint32Array(length),
      trained: new Uint8Array(length),
      source: 0,
      line: index + 1,
    }));
    const rows = examples.map((_, index) => [index]);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const counts = { rows: rows.length, examples: examples.length, tokens };
    assert.equal(encodeDataset(examples, rows, 8).length, packedBytes(counts));
    const answers = examples.map((example) => ({ ...example, role: "chosen" as const }));
    assert.equal(encodeDataset(answers, rows, 8).length, packedBytes({ ...counts, hasRoles: true }));
  }
});
