/** Bases that transformers saves with bitsandbytes are read in their own bytes, and compute transformers' logits. */
import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { plainModel } from "../../trainer/export/source.ts";
import { logitsOf } from "../../trainer/export/verify.ts";
import { contentOf } from "../../trainer/formats/huggingFace.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { writeTinyModel } from "../../trainer/testing/tinyModel.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import { nf4Base } from "./bases.ts";
import { goldenPath, Tensors } from "./goldens.ts";
import { distance } from "./measure.ts";

/** A golden's base with the files of a tokenizer. */
async function opened(t: TestContext, name: string): Promise<StoredModel> {
  const directory = `${await temporaryDirectory(t)}/base`;
  await writeTinyModel(directory);
  for (const file of ["config.json", "model.safetensors"])
    await copyFile(goldenPath(`${name}/${file}`), `${directory}/${file}`);
  return await StoredModel.inDirectory(new Stores(), `file://${directory}`);
}

for (const name of ["base-nf4-plain", "base-nf4-double"]) {
  test(`every tensor of ${name} has the bytes that bitsandbytes wrote`, async (t) => {
    const model = await opened(t, name);
    const expected = nf4Base(new Tensors(`${name}/model.safetensors`));
    const table = await model.tensors();
    assert.deepEqual([...table.keys()].sort(), expected.map((tensor) => tensor.name).sort());
    for (const { name: tensor, data } of expected)
      assert.deepEqual(new Uint8Array(await contentOf(model, table.get(tensor)!)), new Uint8Array(data), tensor);
  });
}

test("a base whose nibbles are stored as BF16 and some of whose layers are not quantised computes transformers' logits", async (t) => {
  const model = await opened(t, "base-nf4-skipped");
  assert.deepEqual(await model.storage(), {
    dense: "BF16",
    linear: "NF4",
    doubleQuantization: true,
    unquantized: [...["down", "gate", "up"].map((layer) => `model.layers.0.mlp.${layer}_proj`), "self_attn.k_proj"],
  });
  const golden = new Tensors("base-nf4-skipped.safetensors");
  const bytes = golden.bytes("ids");
  const ids = [...new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)];
  const options = { threads: 1, onPrompt: () => {}, signal: new AbortController().signal };
  const [logits] = await logitsOf(await plainModel(model), [ids], options);
  assert.ok(distance(logits!, golden.values("logits")) < 1e-5);
});
