/** dGate = dy · up · act′(gate), dUp = dy · act(gate). All [T, f]. */
import { defineOp } from "../../graph/op.ts";
import { expectShape, like } from "../shapes.ts";

export const gluBackward = defineOp({
  name: "gluBackward",
  inputs: ["dy", "gate", "up"],
  outputs: ["dGate", "dUp"],
  attributes: { activation: "i32" },
  inPlace: [
    ["dGate", "gate"],
    ["dUp", "up"],
  ],
  infer({ dy, gate, up }) {
    expectShape("gluBackward", "gate", gate, dy.shape);
    expectShape("gluBackward", "up", up, dy.shape);
    return { dGate: like(gate), dUp: like(up) };
  },
});
