import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { attentionForward } from "../attentionBackward/cases.ts";
import { type PrefixShape, prefixCase, prefixShapes } from "../prefixAttention/cases.ts";
import { prefixAttentionBackward } from "./op.ts";

/** o and lse must match the other operands, so they are computed here, in double. */
function backwardCase(act: Activation, shape: PrefixShape, softcap = 0): OpCase {
  const { operands, attributes, name } = prefixCase(act, shape, softcap);
  const { q, k, v, segmentStart, prefixK, prefixV, o, lse } = operands;
  const prefix = { keys: prefixK!.values!, values: prefixV!.values! };
  const all = { ...shape, softcap };
  const forward = attentionForward(all, q!.values!, k!.values!, v!.values!, segmentStart!.values!, prefix);
  const made = {
    ...operands,
    o: { ...o!, values: forward.o },
    lse: { ...lse!, values: forward.lse },
    dO: random(act, q!.shape),
    dPrefixK: random("F32", prefixK!.shape),
    dPrefixV: random("F32", prefixV!.shape),
    dq: empty(act, q!.shape),
    dk: empty(act, k!.shape),
    dv: empty(act, v!.shape),
  };
  const relative = act === "BF16" ? 1.5e-2 : 1e-5;
  return { ...make(prefixAttentionBackward, name, act, attributes, made), relative, absolute: relative / 50 };
}

export const cases = (act: Activation): OpCase[] => [
  ...prefixShapes.map((shape) => backwardCase(act, shape)),
  backwardCase(act, prefixShapes[2]!, 1.5),
];
