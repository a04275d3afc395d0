/** The gradient of `clampedGlu`: none where a column is beyond its limit. x, dx [T, 2f] · dy [T, f]. */
import { defineOp } from "../../graph/op.ts";
import { clampedUnit } from "../attributes.ts";

export const clampedGluBackward = defineOp({
  name: "clampedGluBackward",
  meaning: "its gradient; zero for columns beyond the limit; dx may be x",
  inputs: { x: "act[T,w]", dy: "act[T,w/2]" },
  outputs: { dx: "act[T,w]" },
  attributes: clampedUnit,
  inPlace: [["dx", "x"]],
});
