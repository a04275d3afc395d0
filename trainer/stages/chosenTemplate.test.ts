import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { prepareKey, specHash } from "../contract/hashes.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { prepareFile } from "../contract/stageFiles.ts";
import { withDefaults } from "../contract/writtenOut.ts";
import { Objects } from "../stores/objects.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runPrepare } from "./prepare.ts";

type Choice = TrainingSpec["dataset"]["chatTemplate"];
const row = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n';

async function place(t: TestContext) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  await writeFile(`${directory}/train.jsonl`, row);
  const specOf = (chatTemplate: Choice): TrainingSpec => ({
    baseModel: { uri: `file://${directory}/base` },
    dataset: {
      sources: [{ uri: `file://${directory}/train.jsonl` }],
      maxSequenceLength: 128,
      ...(chatTemplate && { chatTemplate }),
    },
    method: { lora: {} },
  });
  const context = testContext(directory);
  const artifactRoot = `file://${directory}/artifacts`;
  const objects = new Objects(context.stores, artifactRoot);
  const prepare = async (chatTemplate: Choice) => {
    const { figures, reused } = await runPrepare(prepareFile({ spec: specOf(chatTemplate), artifactRoot }), context);
    const model = await StoredModel.staged(context.stores, objects, figures.baseDigest);
    return { figures, reused, model };
  };
  return { directory, prepare, specOf };
}

const text =
  "{% for m in messages %}{{ m.role + ':' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

test("a chosen template takes the place of the base's own, in its digest and wherever the base is used", async (t) => {
  const { directory, prepare } = await place(t);
  const own = await prepare(undefined);
  const given = await prepare({ text });
  assert.equal(await given.model.text("chat_template.jinja"), text);
  assert.notEqual(given.figures.baseDigest, own.figures.baseDigest);
  assert.notEqual(given.figures.datasetDigest, own.figures.datasetDigest);
  await writeFile(`${directory}/other.jinja`, text);
  const file = await prepare({ uri: `file://${directory}/other.jinja` });
  assert.deepEqual(
    [file.figures.baseDigest, file.figures.datasetDigest],
    [given.figures.baseDigest, given.figures.datasetDigest],
  );
  assert.equal((await prepare({ uri: `file://${directory}/other.jinja` })).reused, true);
  await writeFile(`${directory}/other.jinja`, text.replaceAll(":", ">"));
  const changed = await prepare({ uri: `file://${directory}/other.jinja` });
  assert.deepEqual([changed.reused, changed.figures.baseDigest === given.figures.baseDigest], [false, false]);
});

test("a base without a template is trained on conversations with a built-in one, and a merged model has it", async (t) => {
  const { directory, prepare } = await place(t);
  const config = JSON.parse(await readFile(`${directory}/base/tokenizer_config.json`, "utf8"));
  await writeFile(`${directory}/base/tokenizer_config.json`, JSON.stringify({ ...config, chat_template: undefined }));
  await rm(`${directory}/base/chat_template.jinja`, { force: true });
  await assert.rejects(prepare(undefined), { message: /has no chat template .*set dataset\.chatTemplate/ });
  const { figures, model } = await prepare({ builtIn: "ChatML" });
  assert.equal(figures.dataset.examples, 1);
  assert.match(await model.text("chat_template.jinja"), /<\|im_start\|>/);
  assert.ok(model.companions().includes("chat_template.jinja"));
});

test("a template that cannot be read is an error before the data are", async (t) => {
  const { directory, prepare } = await place(t);
  await assert.rejects(prepare({ text: "{% for %}" }), { reason: "TemplateInvalid", message: /cannot be parsed/ });
  await assert.rejects(prepare({ uri: `file://${directory}/none.jinja` }), {
    message: /none\.jinja: there is no such file/,
  });
});

test("a tokenizer that would end the process is refused with its file and the fix, before this process loads it", async (t) => {
  const { directory, prepare } = await place(t);
  const file = `${directory}/base/tokenizer.json`;
  const normalizer = { type: "Precompiled", precompiled_charsmap: "" };
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), normalizer }));
  const refused = { code: 20, reason: "TokenizerInvalid", message: /^tokenizer\.json: .*replace it with the one/ };
  for (const choice of [undefined, { builtIn: "ChatML" }, { text }] as const)
    await assert.rejects(prepare(choice), refused);
});

test("the hashes have the template without its credentials, and nothing of one that is not chosen", async (t) => {
  const { specOf } = await place(t);
  const remote = { uri: "s3://bucket/t.jinja", secretRef: { name: "a" } };
  const [one, two] = [specOf(remote), specOf({ ...remote, secretRef: { name: "b" } })];
  for (const hash of [prepareKey, specHash]) {
    assert.equal(hash(one), hash(two));
    assert.equal(hash(one), hash(withDefaults(one)));
    assert.notEqual(hash(one), hash(specOf(undefined)));
    assert.notEqual(hash(one), hash(specOf({ text })));
  }
  assert.deepEqual(withDefaults(one).dataset.chatTemplate, { uri: remote.uri });
});
