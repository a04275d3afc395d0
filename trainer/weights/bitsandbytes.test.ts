/** Checkpoints in bitsandbytes' layout that are not what they say are refused by name, before anything is trained. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { StageFailure } from "../contract/failure.ts";
import { Stores } from "../stores/stores.ts";
import { inBitsandbytes, putState, quantizationConfig } from "../testing/bitsandbytes.ts";
import { type ModelChange, writeChangedModel, zeros } from "../testing/changedModel.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { StoredModel } from "./storedModel.ts";

async function opened(t: TestContext, change: ModelChange): Promise<StoredModel> {
  const directory = `${await temporaryDirectory(t)}/base`;
  await writeChangedModel(directory, { tied: false }, change);
  return await StoredModel.inDirectory(new Stores(), `file://${directory}`);
}

const changed =
  (change: ModelChange, isDouble = true): ModelChange =>
  (tensors, config) => {
    inBitsandbytes(isDouble)(tensors, config);
    change(tensors, config);
  };

const first = "model.layers.0.self_attn.q_proj.weight";

const refused: [string, ModelChange, RegExp][] = [
  [
    "no quantization_config",
    changed((_, config) => void delete config.quantization_config),
    /already quantised, but config\.json has no quantization_config: use the original weights/,
  ],
  [
    "scales that are missing",
    changed((tensors) => void tensors.delete(`${first}.absmax`)),
    /q_proj\.weight\.absmax is missing/,
  ],
  [
    "nibbles of another size",
    changed((tensors) => void tensors.set(first, zeros("F32", 7))),
    /q_proj\.weight has 28 bytes of F32, but \[64, 64\] in NF4 needs 2048/,
  ],
  [
    "scales of another type",
    changed((tensors) => void tensors.set(`${first}.absmax`, zeros("F32", 16))),
    /absmax has 64 bytes of F32, but \[64, 64\] in NF4 needs 64 of U8/,
  ],
  [
    "other codes",
    changed((tensors) => void tensors.set(`${first}.quant_map`, zeros("F32", 16))),
    /q_proj\.weight\.quant_map does not hold the codes of NF4/,
  ],
  [
    "other codes of scales",
    changed((tensors) => void tensors.set(`${first}.nested_quant_map`, zeros("F32", 256))),
    /q_proj\.weight\.nested_quant_map does not hold the codes/,
  ],
  [
    "blocks of 128",
    changed((tensors) => putState(tensors, first, { quant_type: "nf4", blocksize: 128, shape: [64, 64] })),
    /quant_state\.bitsandbytes__nf4: blocksize .*quantise the model again/,
  ],
  [
    "another shape",
    changed((tensors) => putState(tensors, first, { quant_type: "nf4", blocksize: 64, shape: [32, 128] })),
    /has shape \[32, 128\], and config\.json promises \[64, 64\]/,
  ],
  [
    "no offset of the scales",
    changed((tensors) => putState(tensors, first, { quant_type: "nf4", blocksize: 64, shape: [64, 64] })),
    /nested_offset is undefined, which contradicts the tensors/,
  ],
  [
    "a state that is no JSON",
    changed((tensors) => {
      const data = Buffer.from("{");
      tensors.set(`${first}.quant_state.bitsandbytes__nf4`, { dtype: "U8", shape: [1], data });
    }),
    /quant_state\.bitsandbytes__nf4: .*quantise the model again/,
  ],
  [
    "a layer that is skipped and quantised",
    changed((_, config) => void Object.assign(config, { quantization_config: quantizationConfig(true, ["q_proj"]) })),
    /q_proj\.weight is stored in NF4, but quantization_config\.llm_int8_skip_modules names it: remove it there/,
  ],
  [
    "a layer that is neither",
    changed((tensors) => {
      for (const name of [...tensors.keys()].filter((one) => one.startsWith(first))) tensors.delete(name);
      tensors.set(first, zeros("BF16", 64, 64));
    }),
    /q_proj\.weight is not quantised, and programs would quantise it on loading.*add model\.layers\.0\.self_attn\.q_proj/,
  ],
  [
    "a head in NF4",
    changed((tensors) => {
      for (const [name, tensor] of [...tensors])
        if (name.startsWith(first)) tensors.set(name.replace(first, "lm_head.weight"), tensor);
    }),
    /lm_head\.weight is stored in NF4, and only the linear layers of the blocks may be.*lm_head in llm_int8_skip_modules/,
  ],
  [
    "scales of one layer alone that are quantised",
    (tensors, config) => {
      const plain = new Map(tensors);
      inBitsandbytes(true)(tensors, config);
      const once = new Map(plain);
      inBitsandbytes(false)(once, {});
      for (const name of [...tensors.keys()].filter((one) => one.startsWith(first))) tensors.delete(name);
      for (const [name, tensor] of once) if (name.startsWith(first)) tensors.set(name, tensor);
    },
    /are quantised too, and those of model\.layers\.0\.self_attn\.q_proj\.weight are not: quantise all layers alike/,
  ],
];

test("a checkpoint in NF4 whose parts do not fit is refused with the part and the fix", async (t) => {
  for (const [what, change, reason] of refused) {
    await t.test(what, async (one) => {
      const model = await opened(one, change);
      await assert.rejects(
        model.storage(),
        (error) => error instanceof StageFailure && error.code === 20 && reason.test(error.message),
      );
    });
  }
});

test("layers that are not quantised are named by the end that they share, or by their whole names", async (t) => {
  const { unquantized } = await (await opened(t, inBitsandbytes(false, ["k_proj", "layers.1.mlp.up_proj"]))).storage();
  assert.deepEqual(unquantized, ["model.layers.1.mlp.up_proj", "self_attn.k_proj"]);
});
