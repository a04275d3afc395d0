/** y = act(gate) · up (Shazeer 2020). gate, up [T, f] → y [T, f]; activation 0 is SiLU, 1 GELU by its tanh formula. */
import { defineOp } from "../../graph/op.ts";
import { activation } from "../attributes.ts";
import { gluBackward } from "../gluBackward/op.ts";

export const glu = defineOp({
  name: "glu",
  meaning: "act(gate) · up; activation 0 is SiLU, 1 GELU (tanh)",
  inputs: { gate: "act[*]", up: "act[*]" },
  outputs: { y: "act[*]" },
  attributes: { activation },
  cheap: true,
  backward({ graph, operands: { gate, up }, attributes, gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const { dGate, dUp } = gluBackward.node(graph, { dy, gate, up }, attributes);
    contribute("gate", { kind: "tensor", tensor: dGate });
    contribute("up", { kind: "tensor", tensor: dUp });
  },
});
