/** The properties of every method on some random models; `npm run soak -- methods` has thousands. */
import { test } from "node:test";
import { declarations } from "../contract/methods/index.ts";
import { holdProperties } from "../testing/methodProperties.ts";

for (const { kind } of declarations) {
  test(`${kind}: on random models no division of a step, no machine and no merge changes the result`, async () => {
    for (const seed of [1, 2, 3]) await holdProperties(kind, seed);
  });
}
