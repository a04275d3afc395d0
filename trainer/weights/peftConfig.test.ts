/** A written adapter_config.json lists the layers that its weights have, in place of a pattern. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withListedTargets } from "./peftConfig.ts";

test("target modules given as a pattern become those of the weights, the embedding's included", () => {
  const config = { peft_type: "LORA", target_modules: ".*(q_proj|embed_tokens)", exclude_modules: "layers\\.1\\..*" };
  const keys = [
    "base_model.model.model.embed_tokens.lora_embedding_A",
    "base_model.model.model.embed_tokens.lora_embedding_B",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
  ];
  assert.deepEqual(withListedTargets(config, keys), {
    ...{ peft_type: "LORA", exclude_modules: null },
    target_modules: ["model.embed_tokens", "model.layers.0.self_attn.q_proj"],
  });
});
