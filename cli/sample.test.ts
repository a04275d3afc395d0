import assert from "node:assert/strict";
import { test } from "node:test";
import { markTrained, stretchesOf } from "./sample.ts";

const words = ["Is", " it", " spam?", " yes", "<end>"];
const decode = (ids: readonly number[]) => ids.map((id) => words[id]).join("");

const cases: [string, number[], string][] = [
  ["an answer at the end", [0, 0, 0, 1, 1], "Is it spam?⟦ yes<end>⟧"],
  ["everything", [1, 1, 1, 1, 1], "⟦Is it spam? yes<end>⟧"],
  ["two stretches", [0, 1, 0, 1, 1], "Is⟦ it⟧ spam?⟦ yes<end>⟧"],
];
for (const [name, trained, expected] of cases) {
  test(`${name}: the learnt part is marked`, () => {
    const encoded = { tokens: Uint32Array.from([0, 1, 2, 3, 4]), trained: Uint8Array.from(trained) };
    assert.equal(markTrained(stretchesOf(encoded, decode)), expected);
  });
}
