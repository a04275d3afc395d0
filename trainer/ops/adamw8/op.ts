/**
 * One step of AdamW (`adamw`) with both moments in 8 bits.                                  Dettmers et al. 2022
 * A block of 256 elements has a scale, the largest magnitude among them, and each element the code of the nearest value
 * of a dynamic map: the signed one for m, the unsigned one for v (native/runtime/dynamicMap.h). The update uses the new
 * moments before they are quantised. A scale of 0 stands for a block of zeros, so that fresh state is all zero bytes.
 * grad, theta F32 of one shape · m, v U8 of that shape · mScale, vScale F32[elements / 256, rounded up] · factor F32[1] ·
 * hyper F32[3].
 */
import { defineOp } from "../../graph/op.ts";
import { adamwAttributes, real } from "../attributes.ts";

export const adamw8 = defineOp({
  name: "adamw8",
  meaning: "adamw with moments in 8 bits, as bitsandbytes: the nearest codes of dynamic maps, a scale per 256 elements",
  inputs: { grad: "sum[#]", factor: "sum[1]", hyper: "sum[3]" },
  accumulates: { theta: "sum[#]", m: "u8[#]", mScale: "sum[#~256]", v: "u8[#]", vScale: "sum[#~256]" },
  outputs: {},
  attributes: { beta1: real, ...adamwAttributes },
});
