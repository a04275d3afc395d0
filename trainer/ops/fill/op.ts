/** y = value for every element. */
import { defineOp } from "../../graph/op.ts";
import { real } from "../attributes.ts";

export const fill = defineOp({
  name: "fill",
  meaning: "y = value",
  inputs: {},
  outputs: { y: "any[*]" },
  attributes: { value: real },
});
