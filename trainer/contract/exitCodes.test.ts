import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { exitCode, exitCodeLines, finalExitCodes } from "./exitCodes.ts";

test("every exit code has a line in the table, in order", () => {
  assert.deepEqual(
    exitCodeLines.map(({ code }) => code),
    Object.values(exitCode),
  );
});

test("the user guide's table of exit codes equals the declared lines", () => {
  const page = readFileSync(new URL("../../docs/user-guide/stores.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| +(\d+) +\| (.*?) +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
  assert.deepEqual(
    rows,
    exitCodeLines.map(({ code, meaning, again }) => [String(code), meaning, again]),
  );
});

test("the operator does not retry an exit code that a retry cannot change", () => {
  assert.deepEqual(finalExitCodes, [2, 12, 20, 21, 22, 23]);
});
