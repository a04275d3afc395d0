import assert from "node:assert/strict";
import { test } from "node:test";
import { counted } from "./counted.ts";

test("one thing is singular, none and many are plural", () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => counted(count, "export")),
    ["0 exports", "1 export", "2 exports"],
  );
});
