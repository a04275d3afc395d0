/** y = c·tanh(x/c): bounds logits (Bello et al. 2016). Only generation reads its result, so it has no backward. */
import { defineOp } from "../../graph/op.ts";
import { real } from "../attributes.ts";

export const softcap = defineOp({
  name: "softcap",
  meaning: "cap·tanh(x/cap); y may be x",
  inputs: { x: "act[*]" },
  outputs: { y: "act[*]" },
  attributes: { cap: { ...real, min: 0 } },
  inPlace: [["y", "x"]],
});
