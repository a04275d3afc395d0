import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { exitCode, exitCodeLines, finalExitCodes } from "./exitCodes.ts";

test("every exit code has its line, in order", () => {
  assert.deepEqual(
    exitCodeLines.map(({ code }) => code),
    Object.values(exitCode),
  );
});

test("the user guide's table is these lines", () => {
  const page = readFileSync(new URL("../../docs/user-guide/stores.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| +(\d+) \| (.*?) +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
  assert.deepEqual(
    rows,
    exitCodeLines.map(({ code, meaning, again }) => [String(code), meaning, again]),
  );
});

test("what cannot end otherwise is not tried again", () => {
  assert.deepEqual(finalExitCodes, [2, 12, 20, 21, 22, 23]);
});
