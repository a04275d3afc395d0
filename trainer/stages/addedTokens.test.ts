/** Tokens that a tokenizer lacks are added to a staged base, with rows of its embedding and head. */
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { widened } from "../formats/bfloat16.ts";
import { Objects } from "../stores/objects.ts";
import { testContext } from "../testing/temporary.ts";
import { type TinyShape, tinyVocabSize } from "../testing/tinyModel.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { exportUri } from "./exportDirectory.ts";
import { runTrain } from "./train.ts";

type Options = Parameters<typeof TinyTraining.make>[1];

/** The base as it is trained. */
async function staged(training: TinyTraining): Promise<StoredModel> {
  const { baseDigest } = await training.prepare();
  const { stores } = testContext(training.directory);
  return await StoredModel.staged(stores, new Objects(stores, training.artifactRoot), baseDigest);
}

async function rowsOf(model: StoredModel, name: string): Promise<Float32Array[]> {
  const tensor = (await model.tensors()).get(name)!;
  const values = widened(await model.read(tensor.file, tensor), tensor.dtype as "F32");
  const width = tensor.shape[1]!;
  return Array.from({ length: tensor.shape[0]! }, (_, row) => values.slice(row * width, (row + 1) * width));
}

const make = (t: TestContext, addedTokens: string[], shape: Partial<TinyShape> = {}, more: Options = {}) =>
  TinyTraining.make(t, { ...more, shape: { dtype: "F32", ...shape }, dataset: { addedTokens, ...more.dataset } });

test("new tokens get the ids after the last one, and rows that are the mean of the others", async (t) => {
  for (const tied of [true, false]) {
    const model = await staged(await make(t, ["<think>", "<|im_end|>", "</think>"], { tied }));
    assert.equal((await model.config()).vocabSize, tinyVocabSize + 2);
    const { tokenizer } = await model.codec();
    assert.deepEqual(await tokenizer.encode("a<think></think>"), [97, tinyVocabSize, tinyVocabSize + 1]);
    assert.ok(tokenizer.specialTexts.has("<think>"));
    for (const name of ["model.embed_tokens.weight", ...(tied ? [] : ["lm_head.weight"])]) {
      const rows = await rowsOf(model, name);
      assert.equal(rows.length, tinyVocabSize + 2);
      const mean = Float32Array.from(rows[0]!, (_, column) => {
        return rows.slice(0, tinyVocabSize).reduce((sum, row) => sum + row[column]!, 0) / tinyVocabSize;
      });
      assert.deepEqual(rows.slice(tinyVocabSize), [mean, mean]);
    }
  }
});

test("a base that has the tokens and their rows stays as it is", async (t) => {
  const [own, same] = [await make(t, []), await make(t, ["<|im_start|>"])];
  assert.equal((await same.prepare()).baseDigest, (await own.prepare()).baseDigest);
});

test("tokens that a tokenizer has beyond the model's rows are refused, and get rows where they are listed", async (t) => {
  const withOlder = async (addedTokens: string[]) => {
    const training = await make(t, addedTokens);
    const lines = Array.from({ length: 20 }, (_, index) => {
      const messages = [
        { role: "user", content: `${index}` },
        { role: "assistant", content: "<|new|>" },
      ];
      return `${JSON.stringify({ messages })}\n`;
    });
    await writeFile(`${training.directory}/train.jsonl`, lines.join(""));
    await writeFile(`${training.directory}/base/added_tokens.json`, JSON.stringify({ "<|new|>": tinyVocabSize }));
    return training;
  };
  await assert.rejects(
    (await withOlder([])).prepare(),
    /gives token 259, but .* vocab_size is 259: .* dataset\.addedTokens/,
  );
  const model = await staged(await withOlder(["<|new|>", "<|newer|>"]));
  assert.equal((await model.config()).vocabSize, tinyVocabSize + 2);
  const { tokenizer } = await model.codec();
  assert.deepEqual([tokenizer.idOf("<|new|>"), tokenizer.idOf("<|newer|>")], [tinyVocabSize, tinyVocabSize + 1]);
});

test("ChatML on a base without its tokens: the new rows are trained, saved, merged and exported with their tokenizer", async (t) => {
  const tokens = ["<|user|>", "<|assistant|>"];
  const text =
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
  const training = await make(
    t,
    tokens,
    { tied: false },
    {
      method: { lora: { rank: 4, trainableTokens: { embed_tokens: [259, 260], lm_head: [259, 260] } } },
      dataset: { chatTemplate: { text } },
    },
  );
  const config = `${training.directory}/base/tokenizer_config.json`;
  const { chat_template: _, ...others } = JSON.parse(await readFile(config, "utf8"));
  await writeFile(config, JSON.stringify({ ...others, added_tokens_decoder: {} }));
  await rm(`${training.directory}/base/chat_template.jinja`, { force: true });
  const { figures } = await runTrain(await training.trainFile(), training.context());
  const { stores } = training.context();
  const adapter = await readPeftAdapter(stores, `file://${await training.runPath()}/adapter`);
  const key = "model.embed_tokens.token_adapter.trainable_tokens_delta";
  const before = await rowsOf(await staged(training), "model.embed_tokens.weight");
  const trained = adapter!.tensors.get(key)!;
  assert.equal(trained.length, 2 * 32);
  assert.notDeepEqual(trained.slice(32), before[260]);
  const file = await training.exportFile(figures.adapterDigest, { dtype: "F32" });
  const exported = await runExport(file, training.context());
  assert.ok(exported.figures.klDivergence < 1e-6);
  const merged = await StoredModel.inDirectory(stores, exportUri(file));
  assert.deepEqual((await rowsOf(merged, "model.embed_tokens.weight")).slice(259), [
    trained.slice(0, 32),
    trained.slice(32),
  ]);
  assert.deepEqual((await rowsOf(merged, "model.embed_tokens.weight")).slice(0, 259), before.slice(0, 259));
  assert.equal((await merged.config()).vocabSize, 261);
  assert.deepEqual(await (await merged.codec()).tokenizer.encode("<|assistant|>"), [260]);
});
