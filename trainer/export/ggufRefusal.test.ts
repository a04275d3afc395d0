/** The models that no GGUF file can hold are known before their training. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { codecOf } from "../data/encoding/codec.ts";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { ggufRefusal } from "./ggufRefusal.ts";

test("a model's configuration and tokenizer say whether a GGUF file can hold it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(directory);
  const model = await StoredModel.inDirectory(new Stores(), `file://${directory}`);
  const [config, texts] = [await model.config(), await model.codecTexts()];
  const refusal = async (changed: typeof config, read: typeof texts) => ggufRefusal(changed, read, await codecOf(read));
  assert.equal(await refusal(config, texts), undefined);

  const tokenizer = JSON.stringify({ ...JSON.parse(texts.tokenizer), normalizer: { type: "Lowercase" } });
  assert.match((await refusal(config, { ...texts, tokenizer })) ?? "", /normalizer Lowercase.*: export merged/);
  const biased = { ...config, family: "qwen3" as const, attentionBias: true as const };
  assert.match((await refusal(biased, texts)) ?? "", /no attention_bias for qwen3: export merged/);
});
