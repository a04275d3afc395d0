/** MXFP4 is restored as transformers restores it, bit for bit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dequantizeMxfp4, transposed } from "../../trainer/formats/coded.ts";
import { Tensors } from "./goldens.ts";

const golden = new Tensors("mxfp4.safetensors");
const [experts = 0, rows = 0, groups = 0] = golden.entry("scales").shape;
const partOf = (name: string, expert: number) => {
  const bytes = golden.bytes(name);
  return bytes.subarray((expert * bytes.length) / experts, ((expert + 1) * bytes.length) / experts);
};

test("the numbers of MXFP4 equal transformers', which has each expert's matrix transposed", () => {
  for (let expert = 0; expert < experts; expert++) {
    const values = dequantizeMxfp4(partOf("blocks", expert), partOf("scales", expert));
    const theirs = transposed(partOf("values", expert), 32 * groups, rows);
    assert.deepEqual(Buffer.from(values), Buffer.from(theirs));
  }
});

test("exponents that give no finite number are refused with the number's place", () => {
  const blocks = new Uint8Array(32).fill(0x22);
  blocks[20] = 0x72;
  assert.throws(() => dequantizeMxfp4(blocks, Uint8Array.of(127, 254)), /its number 41 is not finite/);
  assert.throws(() => dequantizeMxfp4(blocks, Uint8Array.of(255, 127)), /its number 0 is not finite/);
});
