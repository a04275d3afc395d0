import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { exitCode } from "./exitCodes.ts";

test("every exit code has its line in the user guide", () => {
  const page = readFileSync(new URL("../../docs/user-guide/stores.md", import.meta.url), "utf8");
  const lines = [...page.matchAll(/^\| +(\d+) \| /gm)].map((match) => Number(match[1]));
  // 1 is a crash; 2 and 130 are the command line's.
  assert.deepEqual(
    lines,
    [...Object.values(exitCode), 1, 2, 130].sort((a, b) => a - b),
  );
});
