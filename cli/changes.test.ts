import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf, pathText, withChange } from "./changes.ts";

const cases: [string, unknown, unknown, [string, unknown, unknown][]][] = [
  ["equal objects in another order", { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, []],
  ["a changed member", { a: { b: 1 }, c: 2 }, { a: { b: 3 }, c: 2 }, [["a.b", 1, 3]]],
  [
    "an added and a removed member",
    { a: 1, b: 1 },
    { b: 1, c: 2 },
    [
      ["a", 1, undefined],
      ["c", undefined, 2],
    ],
  ],
  ["an element of a list", { l: [{ u: "x" }, 1] }, { l: [{ u: "y" }, 1] }, [["l[0].u", "x", "y"]]],
  ["lists of different lengths", { l: [1] }, { l: [1, 2] }, [["l", [1], [1, 2]]]],
  [
    "another choice of a union",
    { m: { lora: { r: 1 } } },
    { m: { dora: { r: 1 } } },
    [["m", { lora: { r: 1 } }, { dora: { r: 1 } }]],
  ],
];
for (const [name, before, after, expected] of cases) {
  test(`${name}: ${expected.length} changes, which make one of the other`, () => {
    const changes = changesOf(before, after);
    assert.deepEqual(
      changes.map((one) => [pathText(one.path), one.before, one.after]),
      expected,
    );
    assert.deepEqual(changes.reduce<unknown>(withChange, before), after);
  });
}
