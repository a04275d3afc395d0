/** dGate = dy · up · act′(gate), dUp = dy · act(gate). All [T, f]. */
import { defineOp } from "../../graph/op.ts";
import { activation } from "../attributes.ts";

export const gluBackward = defineOp({
  name: "gluBackward",
  meaning: "the gradients of gate and up; dGate may be gate, dUp may be up",
  inputs: { dy: "act[*]", gate: "act[*]", up: "act[*]" },
  outputs: { dGate: "act[*]", dUp: "act[*]" },
  attributes: { activation },
  inPlace: [
    ["dGate", "gate"],
    ["dUp", "up"],
  ],
});
