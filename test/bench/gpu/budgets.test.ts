import assert from "node:assert/strict";
import { test } from "node:test";
import { budgetRow, header, rowOnPage } from "./budgets.ts";

// The row of the 70B takes half a minute; only the script computes it.
for (const name of ["Qwen3 0.6B", "Llama 3.1 8B"] as const) {
  test(`docs/gpu.md shows the planner's present budget of ${name}`, () => {
    assert.deepEqual(rowOnPage("base"), header);
    assert.deepEqual(
      rowOnPage(name),
      budgetRow(name),
      "write it again: node tools/node24.mjs test/bench/gpu/budgets.ts",
    );
  });
}
