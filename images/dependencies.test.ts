import assert from "node:assert/strict";
import { test } from "node:test";
import { productionClosure } from "./dependencies.ts";

test("the closure follows dependencies, prefers the nested version and excludes development dependencies", () => {
  const lock = {
    operator: { dependencies: { a: "1", "@scope/b": "1" } },
    "node_modules/a": { dependencies: { c: "2" } },
    "node_modules/a/node_modules/c": {},
    "node_modules/c": {},
    "node_modules/@scope/b": { dependencies: { c: "1", a: "1" } },
    "node_modules/typescript": {},
  };
  assert.deepEqual(productionClosure(lock, "operator"), [
    "node_modules/@scope/b",
    "node_modules/a",
    "node_modules/a/node_modules/c",
    "node_modules/c",
  ]);
});

test("only an optional dependency may be missing", () => {
  assert.deepEqual(productionClosure({ trainer: { optionalDependencies: { d: "1" } } }, "trainer"), []);
  assert.throws(() => productionClosure({ trainer: { dependencies: { d: "1" } } }, "trainer"), /"trainer" needs d/);
  assert.throws(() => productionClosure({}, "trainer"), /no entry "trainer"/);
});
