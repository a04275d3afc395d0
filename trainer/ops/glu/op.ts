/** y = act(gate) · up (Shazeer 2020). gate, up [T, f] → y [T, f]; activation 0 is SiLU. */
import { defineOp } from "../../graph/op.ts";
import { gluBackward } from "../gluBackward/op.ts";
import { expectShape, like } from "../shapes.ts";

export const activations = { silu: 0 } as const;

export const glu = defineOp({
  name: "glu",
  inputs: ["gate", "up"],
  outputs: ["y"],
  attributes: { activation: "i32" },
  cheap: true,
  infer({ gate, up }) {
    expectShape("glu", "up", up, gate.shape);
    return { y: like(gate) };
  },
  backward({ graph, operands: { gate, up }, attributes, gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const { dGate, dUp } = gluBackward.node(graph, { dy, gate, up }, attributes);
    contribute("gate", { kind: "tensor", tensor: dGate });
    contribute("up", { kind: "tensor", tensor: dUp });
  },
});
