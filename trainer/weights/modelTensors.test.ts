/** Checkpoints whose names or shapes differ from config.json are read as by transformers, or refused by name. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { StageFailure } from "../contract/failure.ts";
import { Stores } from "../stores/stores.ts";
import { type Config, type ModelChange, rename, writeChangedModel, zeros } from "../testing/changedModel.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import type { TinyShape } from "../testing/tinyModel.ts";
import { StoredModel } from "./storedModel.ts";

const embedding = "model.embed_tokens.weight";
const head = "lm_head.weight";

async function opened(t: TestContext, shape: Partial<TinyShape>, change: ModelChange): Promise<StoredModel> {
  const directory = await temporaryDirectory(t);
  await writeChangedModel(`${directory}/base`, shape, change);
  return await StoredModel.inDirectory(new Stores(), `file://${directory}/base`);
}

/** Every tensor's name and bytes, as the trainer sees them. */
async function contentOf(model: StoredModel): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for (const [name, tensor] of await model.tensors()) {
    assert.equal(tensor.name, name);
    content.set(name, Buffer.from(await model.read(tensor.file, tensor)).toString("hex"));
  }
  return new Map([...content].sort());
}

const configured =
  (members: Config): ModelChange =>
  (_, config) =>
    void Object.assign(config, members);
const bare = (name: string) => name.replace(/^model\./, "");
const last = "model.layers.1.mlp.down_proj.weight";

const read: [string, Partial<TinyShape>, ModelChange][] = [
  ["saved without its head, so that no name begins with `model.`", {}, (tensors) => rename(tensors, bare)],
  [
    "the same with a head beside it",
    { tied: false },
    (tensors) => rename(tensors, (name) => (name === head ? name : bare(name))),
  ],
  [
    "tied, and saved under the head's name",
    {},
    (tensors) => rename(tensors, (name) => (name === embedding ? head : name)),
  ],
  ["tied, and saved under both names", {}, (tensors) => void tensors.set(head, tensors.get(embedding)!)],
  [
    "with buffers of older versions, in another type",
    {},
    (tensors) => {
      tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", zeros("F32", 8));
      tensors.set("model.rotary_emb.inv_freq", zeros("F32", 8));
      tensors.set("model.layers.1.self_attn.rotary_emb.cos_cached", zeros("F32", 1, 1, 64, 16));
      tensors.set("model.layers.0.attn.masked_bias", zeros("F32", 1));
    },
  ],
  [
    "without `model.`, with buffers",
    {},
    (tensors) => {
      rename(tensors, bare);
      tensors.set("rotary_emb.inv_freq", zeros("F32", 8));
    },
  ],
];

test("a checkpoint with other tensor names is read as transformers reads it", async (t) => {
  for (const [what, shape, change] of read) {
    await t.test(what, async (one) => {
      const plain = await contentOf(await opened(one, shape, () => {}));
      assert.deepEqual(await contentOf(await opened(one, shape, change)), plain);
    });
  }
});

const refused: [string, Partial<TinyShape>, ModelChange, RegExp][] = [
  [
    "a layer fewer than configured",
    {},
    configured({ num_hidden_layers: 3 }),
    /config\.json promises model\.layers\.2\.input_layernorm\.weight \[64\].*num_hidden_layers 3, and the weights have 2 layers; correct num_hidden_layers/,
  ],
  [
    "a layer more than configured",
    {},
    configured({ num_hidden_layers: 1 }),
    /model\.layers\.1\..* is beyond num_hidden_layers 1 of config\.json; correct num_hidden_layers/,
  ],
  [
    "no head",
    { tied: false },
    (tensors) => void tensors.delete(head),
    /promises lm_head\.weight \[259, 64\] \(vocab_size, hidden_size\) with tie_word_embeddings false.*set tie_word_embeddings to true/,
  ],
  [
    "another vocabulary",
    {},
    configured({ vocab_size: 300 }),
    /model\.embed_tokens\.weight has shape \[259, 64\], and config\.json promises \[300, 64\] \(vocab_size, hidden_size\); correct config\.json/,
  ],
  [
    "a head of another vocabulary",
    { tied: false },
    (tensors) => void tensors.set(head, zeros("BF16", 300, 64)),
    /lm_head\.weight has shape \[300, 64\], and config\.json promises \[259, 64\]/,
  ],
  [
    "other heads",
    {},
    configured({ num_key_value_heads: 4 }),
    /k_proj\.weight has shape \[32, 64\], and config\.json promises \[64, 64\] \(num_key_value_heads · head_dim, hidden_size\)/,
  ],
  [
    "another feed-forward width",
    {},
    configured({ intermediate_size: 130 }),
    /gate_proj\.weight has shape \[128, 64\], and config\.json promises \[130, 64\] \(intermediate_size, hidden_size\)/,
  ],
  [
    "the names of PEFT",
    {},
    (tensors) => rename(tensors, (name) => `base_model.model.${name}`),
    /base_model\.model\.model\.embed_tokens\.weight \[259, 64\] begins with "base_model\.model\.", and config\.json promises model\.embed_tokens\.weight.*merge_and_unload/,
  ],
  [
    "the names of a wrapper",
    {},
    (tensors) => rename(tensors, (name) => `module.${name}`),
    /begins with "module\.".*save the model itself/,
  ],
  [
    "one tensor less",
    {},
    (tensors) => void tensors.delete(last),
    /promises model\.layers\.1\.mlp\.down_proj\.weight \[64, 128\] \(hidden_size, intermediate_size\), and the weights have none/,
  ],
  [
    "biases that the configuration does not have",
    {},
    (tensors) => void tensors.set("model.layers.0.self_attn.q_proj.bias", zeros("BF16", 64)),
    /the weights have model\.layers\.0\.self_attn\.q_proj\.bias \[64\], which config\.json does not promise/,
  ],
  [
    "an adapter's matrices",
    {},
    (tensors) => void tensors.set("model.layers.0.self_attn.q_proj.lora_A.weight", zeros("BF16", 4, 64)),
    /lora_A\.weight \[4, 64\], which config\.json does not promise; merge the adapter/,
  ],
  [
    "a tied head that differs from the embedding",
    {},
    (tensors) => void tensors.set(head, zeros("BF16", 259, 64)),
    /lm_head\.weight \[259, 64\] differs from model\.embed_tokens\.weight \[259, 64\], but config\.json has tie_word_embeddings true.*set tie_word_embeddings to false to keep both, or remove lm_head\.weight/,
  ],
  [
    "a tied head of another size",
    {},
    (tensors) => void tensors.set(head, zeros("BF16", 260, 64)),
    /lm_head\.weight \[260, 64\] differs from/,
  ],
  [
    "matrices that GPTQ quantised",
    {},
    (tensors) => {
      tensors.delete(last);
      tensors.set("model.layers.1.mlp.down_proj.qweight", zeros("F32", 16, 64));
    },
    /down_proj\.qweight \[16, 64\] belongs to weights that are already quantised, but config\.json has no quantization_config: use the original weights/,
  ],
  [
    "matrices that bitsandbytes quantised",
    {},
    (tensors) => {
      tensors.set(`${last}.absmax`, zeros("F32", 128));
      tensors.set(`${last}.quant_map`, zeros("F32", 16));
    },
    /quant_map \[16\] belongs to weights that are already quantised/,
  ],
  [
    "no tensors at all",
    {},
    (tensors) => tensors.clear(),
    /promises model\.embed_tokens\.weight \[259, 64\].*the weights are empty/,
  ],
];

test("a checkpoint that does not fit its config.json is refused with the tensor, its shape, the promise and the fix", async (t) => {
  for (const [what, shape, change, reason] of refused) {
    await t.test(what, async (one) => {
      const model = await opened(one, shape, change);
      await assert.rejects(model.tensors(), (error) => {
        assert.ok(error instanceof StageFailure, String(error));
        assert.deepEqual([error.code, error.reason], [20, "BaseModelMismatch"]);
        assert.match(error.message, reason);
        return true;
      });
    });
  }
});
