/** y = value, everywhere. */
import { defineOp } from "../../graph/op.ts";

export const fill = defineOp({
  name: "fill",
  inputs: [],
  outputs: ["y"],
  attributes: { value: "f32" },
  infer: () => ({}),
});
