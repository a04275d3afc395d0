import assert from "node:assert/strict";
import { test } from "node:test";
import { typeOf } from "./ggufMixes.ts";

const model = { layers: 16, tieWordEmbeddings: false };
const rows: readonly [string, readonly number[], object, string][] = [
  ["blk.0.attn_norm.weight", [256], {}, "F32"],
  ["blk.0.attn_q.bias", [256], {}, "F32"],
  ["token_embd.weight", [99, 256], {}, "Q4_K"],
  ["token_embd.weight", [99, 256], { tieWordEmbeddings: true }, "Q6_K"],
  ["output.weight", [99, 256], {}, "Q6_K"],
  ["blk.0.attn_q.weight", [256, 256], {}, "Q4_K"],
  ["blk.1.attn_v.weight", [256, 256], {}, "Q6_K"],
  ["blk.2.attn_v.weight", [256, 256], {}, "Q4_K"],
  ["blk.4.ffn_down.weight", [256, 512], {}, "Q6_K"],
  ["blk.13.ffn_down.weight", [256, 512], {}, "Q6_K"],
  ["blk.4.ffn_up.weight", [512, 256], {}, "Q4_K"],
  ["blk.0.attn_qkv.weight", [512, 256], {}, "Q5_K"],
  ["blk.0.ffn_gate_inp.weight", [8, 256], {}, "F32"],
  ["blk.4.ffn_gate_exps.weight", [8, 256, 256], {}, "Q4_K"],
  ["blk.4.ffn_down_exps.weight", [8, 256, 512], {}, "Q6_K"],
  ["blk.0.attn_q.weight", [256, 96], {}, "Q8_0"],
  ["blk.0.attn_q.weight", [256, 24], {}, "F16"],
];

test("Q4_K_M gives matrices in which a rounding does most harm more bits, and others blocks that fit", () => {
  for (const [name, shape, changes, type] of rows)
    assert.equal(typeOf("Q4_K_M", name, shape, { ...model, ...changes }), type, `${name} [${shape}]`);
});
