import assert from "node:assert/strict";
import { test } from "node:test";
import { configInWrapper, configOfOwn, keyInWrapper, keyOfOwn, ownName } from "./languageModel.ts";

test("tensors of the language model are found by the names of every version of transformers", () => {
  for (const [name, own] of [
    ["language_model.model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"],
    ["language_model.lm_head.weight", "lm_head.weight"],
    ["model.language_model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"],
    ["lm_head.weight", "lm_head.weight"],
    ["vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight", undefined],
    ["model.multi_modal_projector.mm_soft_emb_norm.weight", undefined],
  ] as const)
    assert.equal(ownName(name), own);
});

test("an adapter's tensors are written for the whole model, and read with the names of the language model", () => {
  const own = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
  const whole = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight";
  assert.equal(keyInWrapper(own), whole);
  const earlier = "base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_A.weight";
  for (const key of [own, whole, earlier]) assert.equal(keyOfOwn(key), own);
  const head = "base_model.model.lm_head.weight";
  assert.equal(keyInWrapper(head), head);
  assert.equal(keyOfOwn("base_model.model.language_model.lm_head.weight"), head);
});

test("modules are listed by their whole names, because a picture's encoder has some of the same", () => {
  const modules = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.norm", "lm_head"];
  const config = { r: 2, target_modules: ["q_proj"], modules_to_save: ["norm", "lm_head"], exclude_modules: null };
  const whole = configInWrapper(config, modules);
  assert.deepEqual(whole, {
    ...{ r: 2, exclude_modules: null, modules_to_save: ["language_model.norm", "lm_head"] },
    target_modules: ["language_model.layers.0.self_attn.q_proj", "language_model.layers.1.self_attn.q_proj"],
  });
  assert.deepEqual(configOfOwn(whole), {
    ...{ r: 2, exclude_modules: null, modules_to_save: ["norm", "lm_head"] },
    target_modules: ["layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj"],
  });
  assert.deepEqual(configOfOwn({ target_modules: ["model.language_model.layers.3.mlp.up_proj"] }), {
    target_modules: ["layers.3.mlp.up_proj"],
  });
});
