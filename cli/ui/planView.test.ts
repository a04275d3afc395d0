import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plan } from "../../trainer/planning/plan.ts";
import { storageText } from "./planView.ts";

const storages: [Plan["spec"]["storage"], string][] = [
  [{ dense: "BF16", linear: "BF16", doubleQuantization: false }, "in BF16"],
  [
    { dense: "BF16", linear: "NF4", doubleQuantization: true },
    "linear layers in NF4, double quantisation; embeddings and norms in BF16",
  ],
  [{ dense: "F32", linear: "NF4", doubleQuantization: false }, "linear layers in NF4; embeddings and norms in F32"],
];

for (const [storage, text] of storages) {
  test(`a base is "${text}"`, () => assert.equal(storageText(storage), text));
}
