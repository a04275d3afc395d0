import assert from "node:assert/strict";
import { test } from "node:test";
import { isNewEnough } from "./go.ts";

test("Go is taken from 1.25 on", () => {
  assert.ok(isNewEnough("go version go1.25.0 linux/amd64"));
  assert.ok(isNewEnough("go version go1.26.8 linux/amd64"));
  assert.ok(!isNewEnough("go version go1.24.9 linux/amd64"));
  assert.ok(!isNewEnough("go version go1.19.8 linux/amd64"));
  assert.ok(!isNewEnough("not go"));
});
