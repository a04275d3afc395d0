import { test } from "node:test";
import { assertExpands } from "../../testing/graphs.ts";
import { linearInput } from "./op.ts";

test("linearInput: the composite is the sum of its products and what is added", () =>
  assertExpands(linearInput, { dy: [5, 6], w: [6, 7], tailX: [5, 3], tailW: [3, 7], add: [5, 7] }, { tailScale: 0.7 }));
