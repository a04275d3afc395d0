import assert from "node:assert/strict";
import { appendFile, mkdir, rename as move, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { prepareKey } from "../contract/hashes.ts";
import { inputNotes } from "../contract/inputNotes.ts";
import type { PrepareFile } from "../contract/runFile.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { baseManifest, datasetManifest, getManifest } from "../data/packed/manifests.ts";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { addon } from "../native/addon.ts";
import { Objects } from "../stores/objects.ts";
import { changeModel, type ModelChange, rename, zeros } from "../testing/changedModel.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runPrepare } from "./prepare.ts";

const chat = (question: string, answer: string) =>
  JSON.stringify({
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  });

async function place(t: TestContext, dataset: Partial<TrainingSpec["dataset"]> = {}) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  const rows = Array.from({ length: 40 }, (_, i) => chat(`is ${i} even?`, i % 2 ? "no" : "yes"));
  await writeFile(`${directory}/train.jsonl`, `${rows.join("\n")}\n`);
  await writeFile(`${directory}/test.jsonl`, `${chat("is 99 even?", "no")}\n`);
  const spec: TrainingSpec = {
    baseModel: { uri: `file://${directory}/base` },
    dataset: { sources: [{ uri: `file://${directory}/train.jsonl` }], maxSequenceLength: 128, ...dataset },
    method: { lora: {} },
    evaluation: { test: { uri: `file://${directory}/test.jsonl` }, metrics: ["ExactMatch"] },
  };
  const artifactRoot = `file://${directory}/artifacts`;
  const file: PrepareFile = {
    version: 1,
    stage: "Prepare",
    artifactRoot,
    prepareKey: prepareKey(spec),
    baseModel: spec.baseModel,
    dataset: spec.dataset,
    evaluation: spec.evaluation,
  };
  const context = testContext(directory);
  return { directory, file, context, objects: new Objects(context.stores, artifactRoot) };
}

test("inputs are staged, pinned and counted, and not read again while they are unchanged", async (t) => {
  const { file, context, objects, directory } = await place(t, { validation: { fraction: "0.2" } });
  const first = await runPrepare(file, context);
  assert.equal(first.reused, false);
  const { dataset, baseDataType, datasetDigest } = first.figures;
  assert.equal(dataset.examples + dataset.validationExamples, 40);
  assert.ok(dataset.validationExamples > 0);
  assert.equal(dataset.testExamples, 1);
  assert.equal(baseDataType, "BF16");
  const manifest = await getManifest(objects, datasetDigest, datasetManifest);
  const train = new PackedDataset(await objects.read(manifest.train.digest));
  assert.deepEqual([train.rowCount, train.exampleCount], [dataset.rows, dataset.examples]);

  assert.equal((await runPrepare(file, context)).reused, true);
  await appendFile(`${directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  const moved = await runPrepare(file, context);
  assert.notEqual(moved.figures.datasetDigest, datasetDigest);
  assert.equal(moved.figures.baseDigest, first.figures.baseDigest);
});

test("the same content gives the same pins, whatever its time and location", async (t) => {
  const [one, two] = [await place(t), await place(t)];
  await utimes(`${two.directory}/train.jsonl`, 1, 1);
  const [a, b] = [await runPrepare(one.file, one.context), await runPrepare(two.file, two.context)];
  assert.equal(a.figures.baseDigest, b.figures.baseDigest);
  assert.equal(a.figures.evaluationSetDigest, b.figures.evaluationSetDigest);
});

test("the validation data have a digest of their own, which the training data and the packing do not affect", async (t) => {
  const made = await place(t);
  const uri = `file://${made.directory}/held.jsonl`;
  await writeFile(`${made.directory}/held.jsonl`, `${chat("is 7 even?", "no")}\n${chat("is 8 even?", "yes")}\n`);
  const prepared = async (change: Partial<TrainingSpec["dataset"]> = {}) => {
    const dataset = { ...made.file.dataset, validation: { uri }, ...change };
    return (await runPrepare({ ...made.file, dataset }, made.context)).figures.validationDigest;
  };
  const digest = await prepared();
  assert.match(digest ?? "", /^sha256:[0-9a-f]{64}$/);
  await appendFile(`${made.directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  const files = ["train.jsonl", "test.jsonl"].map((name) => ({ uri: `file://${made.directory}/${name}` }));
  assert.equal(await prepared({ sources: files, packing: false }), digest);
  await appendFile(`${made.directory}/held.jsonl`, `${chat("is 9 even?", "no")}\n`);
  assert.notEqual(await prepared(), digest);
  assert.equal((await runPrepare(made.file, made.context)).figures.validationDigest, undefined);
});

test("a missing object is staged again", async (t) => {
  const { file, context, objects } = await place(t);
  const { figures } = await runPrepare(file, context);
  await rm(fileURLToPath(await objects.localCopy(figures.datasetDigest)));
  assert.equal((await runPrepare(file, context)).reused, false);
  await objects.localCopy(figures.datasetDigest);
});

test("a bad row is reported with file and line, or counted within the tolerance", async (t) => {
  const strict = await place(t);
  await appendFile(`${strict.directory}/train.jsonl`, '{"messages": 3}\nnot json\n');
  await assert.rejects(runPrepare(strict.file, strict.context), (error: Error) => {
    assert.match(error.message, /train\.jsonl:41: messages: .*badRows/);
    return "code" in error && error.code === 20;
  });
  const lenient = await place(t, { badRows: { maxFraction: "0.05" } });
  await appendFile(`${lenient.directory}/train.jsonl`, "not json\n\n");
  assert.equal((await runPrepare(lenient.file, lenient.context)).figures.dataset.badRows, 1);
  await appendFile(`${lenient.directory}/train.jsonl`, "not json\n".repeat(5));
  await assert.rejects(runPrepare(lenient.file, lenient.context), { code: 20, reason: "TooManyBadRows" });
});

test("duplicate and truncated examples are counted", async (t) => {
  const { file, context, directory } = await place(t);
  await appendFile(`${directory}/train.jsonl`, `${chat("IS 1  EVEN?", "no")}\n${chat("a", "b".repeat(300))}\n`);
  const { dataset } = (await runPrepare(file, context)).figures;
  assert.deepEqual([dataset.duplicateExamples, dataset.truncatedExamples], [1, 1]);
});

test("rows without a trained token after truncation are dropped, counted and named", async (t) => {
  const { file, context, directory } = await place(t);
  const logged: string[] = [];
  const long = chat("x".repeat(300), "y");
  await appendFile(`${directory}/train.jsonl`, `${long}\n${chat("a", "b".repeat(300))}\n`);
  await appendFile(`${directory}/test.jsonl`, `${long}\n`);
  const { figures } = await runPrepare(file, { ...context, log: (line) => logged.push(line) });
  const { dataset } = figures;
  assert.deepEqual(
    [dataset.examples + dataset.validationExamples, dataset.overlongExamples, dataset.overlongTestExamples],
    [41, 1, 1],
  );
  assert.deepEqual([dataset.badRows, dataset.truncatedExamples, dataset.testExamples], [0, 1, 1]);
  assert.match(dataset.firstOverlong ?? "", /train\.jsonl:41$/);
  assert.deepEqual(
    logged.map((line) => /(\w+\.jsonl:\d+): too long/.exec(line)?.[1]),
    ["train.jsonl:41", "test.jsonl:2"],
  );
  assert.match(
    inputNotes(figures)[0]!,
    /^Warning: 1 of 42 examples \(2\.4 %\) were dropped.*train\.jsonl:41.*raise dataset/,
  );
});

test("the report and the log name unused columns", async (t) => {
  const { file, context, directory } = await place(t);
  const logged: string[] = [];
  const row: object = JSON.parse(chat("a", "b"));
  await appendFile(`${directory}/train.jsonl`, `${JSON.stringify({ ...row, id: 1, chosen: "c" })}\n`);
  await appendFile(`${directory}/test.jsonl`, `${JSON.stringify({ ...row, id: 1, topic: "t" })}\n`);
  const { figures } = await runPrepare(file, { ...context, log: (line) => logged.push(line) });
  assert.deepEqual(figures.dataset.ignoredColumns, ["id", "chosen", "topic"]);
  assert.match(logged.join("\n"), /train\.jsonl: unused columns: id, chosen\n.*test\.jsonl: .*id, topic/);
  assert.match(inputNotes(figures).join(" "), /not used: id, chosen, topic\./);
});

test("a base's template for tools is staged with it, and renders the rows with tools", async (t) => {
  const { file, context, directory, objects } = await place(t);
  const marked =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
  await mkdir(`${directory}/base/additional_chat_templates`);
  await writeFile(`${directory}/base/chat_template.jinja`, marked);
  await writeFile(
    `${directory}/base/additional_chat_templates/tool_use.jinja`,
    `{{ tools[0].function.name }}${marked}`,
  );
  const tools = [{ type: "function", function: { name: "weather" } }];
  const row: object = JSON.parse(chat("a", "b"));
  await writeFile(
    `${directory}/train.jsonl`,
    `${JSON.stringify({ ...row, tools })}\n${chat("c", "d")}\n${chat("e", "f")}\n`,
  );
  const { figures } = await runPrepare({ ...file, dataset: { ...file.dataset, validation: undefined } }, context);
  const base = await StoredModel.staged(context.stores, objects, figures.baseDigest);
  const { tokenizer } = await base.codec();
  const manifest = await getManifest(objects, figures.datasetDigest, datasetManifest);
  const train = new PackedDataset(await objects.read(manifest.train.digest));
  const text = tokenizer.display([...train.tokens]);
  assert.equal(text.split("weather").length - 1, 1);
  assert.ok(text.includes("weather<|im_start|>user\na<|im_end|>"));
});

async function quantizedPlace(t: TestContext, doubleQuantization: boolean) {
  const made = await place(t);
  const { file } = made;
  const baseModel = { ...file.baseModel, quantization: { type: "NF4" as const, doubleQuantization } };
  const key = prepareKey({ baseModel, dataset: file.dataset, method: { lora: {} }, evaluation: file.evaluation });
  return { ...made, quantized: { ...file, baseModel, prepareKey: key } };
}

for (const doubleQuantization of [true, false]) {
  test(`a base is quantised to NF4${doubleQuantization ? " twice" : ""} and staged beside the original`, async (t) => {
    const { file, quantized, context, objects } = await quantizedPlace(t, doubleQuantization);
    const [plain, { figures }] = [await runPrepare(file, context), await runPrepare(quantized, context)];
    assert.equal(figures.baseRevision, plain.figures.baseDigest);
    assert.notEqual(figures.baseDigest, plain.figures.baseDigest);
    assert.equal(figures.baseDataType, "BF16");
    assert.deepEqual({ ...figures.quantized, bytes: 0 }, { type: "NF4", doubleQuantization, bytes: 0 });
    assert.ok(figures.quantized!.bytes < plain.figures.baseBytes);

    const manifest = await getManifest(objects, figures.baseDigest, baseManifest);
    assert.equal(manifest.original, plain.figures.baseDigest);
    const staged = StoredModel.ofManifest(context.stores, objects, manifest);
    const original = await StoredModel.staged(context.stores, objects, plain.figures.baseDigest);
    assert.deepEqual(await staged.config(), await original.config());
    const [made, source] = [await tensorsOf(staged), await tensorsOf(original)];
    const expected = [...source].flatMap(([name, bytes]): [string, Uint8Array][] => {
      if (!name.includes("_proj")) return [[name, bytes]];
      const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(bytes, "BF16", doubleQuantization);
      const nested: [string, Uint8Array][] = nestedAbsmax ? [[`${name}.nested_absmax`, nestedAbsmax]] : [];
      return [[name, packed], [`${name}.absmax`, absmax], ...nested];
    });
    assert.deepEqual(made, new Map(expected));
    assert.deepEqual(await staged.storage(), { dense: "BF16", linear: "NF4", doubleQuantization });
  });
}

async function tensorsOf(model: StoredModel): Promise<Map<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>();
  for (const tensor of (await model.tensors()).values()) {
    all.set(tensor.name, new Uint8Array(await model.read(tensor.file, tensor)));
  }
  return all;
}

test("a base is quantised once: other data reuse it, and a missing part is made again with the same bytes", async (t) => {
  const { quantized, context, objects, directory } = await quantizedPlace(t, true);
  const { baseDigest } = (await runPrepare(quantized, context)).figures;
  const [shard] = (await getManifest(objects, baseDigest, baseManifest)).files.slice(-1);
  const path = fileURLToPath(await objects.localCopy(shard!.digest));
  const written = (await stat(path)).mtimeMs;
  await appendFile(`${directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
  assert.equal((await stat(path)).mtimeMs, written);
  await rm(path);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
  await objects.localCopy(shard!.digest);
  await rm(`${directory}/artifacts/quantized`, { recursive: true });
  await appendFile(`${directory}/train.jsonl`, `${chat("is 42 even?", "yes")}\n`);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
});

/** Puts a NaN into the final norm. */
const withNaN: ModelChange = (tensors) => {
  const { dtype, shape, data } = tensors.get("model.norm.weight")!;
  const damaged = Uint8Array.from(data);
  damaged.set([0xc0, 0x7f], 2);
  tensors.set("model.norm.weight", { dtype, shape, data: damaged });
};

test("a damaged base is detected on every attempt, and its repaired files are prepared", async (t) => {
  const { directory, file, context } = await place(t);
  const whole = await readFile(`${directory}/base/model.safetensors`);
  await changeModel(`${directory}/base`, withNaN);
  for (let time = 0; time < 2; time += 1) {
    await assert.rejects(runPrepare(file, context), { reason: "BaseModelCorrupt" });
  }
  await writeFile(`${directory}/base/model.safetensors`, whole);
  assert.equal((await runPrepare(file, context)).reused, false);
});

test("a base with other tensor names gives the same NF4 weights", async (t) => {
  const [plain, bare] = [await place(t), await place(t)];
  const dropped = (name: string) =>
    name === "model.embed_tokens.weight" ? "embed_tokens.weight" : name.slice("model.".length);
  await changeModel(`${bare.directory}/base`, (tensors, config) => {
    rename(tensors, dropped);
    config.architectures = ["LlamaModel"];
  });
  const names: string[][] = [];
  for (const { file, context, objects } of [plain, bare]) {
    const quantization = { type: "NF4" as const };
    const { figures } = await runPrepare({ ...file, baseModel: { ...file.baseModel, quantization } }, context);
    const model = await StoredModel.staged(context.stores, objects, figures.baseDigest);
    const shards = model.names().filter((name) => name.endsWith(".safetensors"));
    names.push(shards.map((name) => String(model.file(name).entry.digest)));
  }
  assert.deepEqual(names[0], names[1]);
});

const wrong: [string, (directory: string, file: PrepareFile) => Promise<unknown>, object][] = [
  ["a missing source", (d) => rm(`${d}/train.jsonl`), { code: 23, reason: "FileMissing" }],
  ["a missing base", (d) => rm(`${d}/base`, { recursive: true }), { code: 23, reason: "ModelMissing" }],
  ["a base without a tokenizer", (d) => rm(`${d}/base/tokenizer.json`), { code: 20, reason: "BaseModelIncomplete" }],
  ["cut weights", (d) => writeFile(`${d}/base/model.safetensors`, "cut"), { code: 23, reason: "BaseModelCorrupt" }],
  [
    "a base with a NaN",
    (d) => changeModel(`${d}/base`, withNaN),
    {
      code: 23,
      reason: "BaseModelCorrupt",
      message: /^model\.norm\.weight of the base model holds NaN \(model\.safetensors, its number 1\)/,
    },
  ],
  [
    "a base with a NaN that is to be quantised",
    async (d, file) => {
      await changeModel(`${d}/base`, withNaN);
      file.baseModel.quantization = { type: "NF4" };
    },
    { code: 23, reason: "BaseModelCorrupt", message: /^model\.norm\.weight of the base model holds NaN/ },
  ],
  [
    "weights of another model than config.json",
    (d) => changeModel(`${d}/base`, (_, config) => void Object.assign(config, { num_hidden_layers: 3 })),
    { code: 20, reason: "BaseModelMismatch", message: /num_hidden_layers 3, and the weights have 2 layers/ },
  ],
  [
    "a tied head that differs from the embedding, whether it is quantised or not",
    async (d, file) => {
      await changeModel(`${d}/base`, (tensors) => void tensors.set("lm_head.weight", zeros("BF16", 259, 64)));
      file.baseModel.quantization = { type: "NF4" };
    },
    { code: 20, reason: "BaseModelMismatch", message: /lm_head\.weight .* differs from/ },
  ],
  [
    "a norm of whole numbers",
    (d) =>
      changeModel(`${d}/base`, (tensors) => {
        tensors.set("model.norm.weight", { dtype: "I32", shape: [64], data: new Uint8Array(256) });
      }),
    { code: 20, reason: "BaseModelUnsupported", message: /model\.norm\.weight is I32; convert it to BF16, F16 or F32/ },
  ],
  [
    "another architecture",
    (d) => writeFile(`${d}/base/config.json`, "{}"),
    { code: 20, reason: "BaseModelUnsupported" },
  ],
  [
    "a source that is a compressed archive",
    (d) => writeFile(`${d}/train.jsonl`, gzipSync(Buffer.alloc(512).fill("ustar", 257, 262))),
    { code: 20, reason: "DataUnsupported", message: /train\.jsonl: is a tar archive; data must be JSON lines/ },
  ],
  [
    "a source that is not supported by its name, before the base is read",
    async (d, file) => {
      await rm(`${d}/base/config.json`);
      await move(`${d}/train.jsonl`, `${d}/train.arrow`);
      file.dataset.sources[0]!.uri = `file://${d}/train.arrow`;
    },
    { code: 20, reason: "DataUnsupported", message: /train\.arrow: is a \.arrow file; data must be JSON lines/ },
  ],
  [
    "a base that is an archive",
    async (d) => {
      await rm(`${d}/base`, { recursive: true });
      await writeFile(`${d}/base`, "PK\u0003\u0004");
    },
    { code: 20, reason: "BaseModelUnsupported", message: /is a file; .* unpack/ },
  ],
  [
    "a base that lies packed in its directory",
    async (d) => {
      await rm(`${d}/base/config.json`);
      await writeFile(`${d}/base/model.tar.gz`, "");
    },
    { code: 20, reason: "BaseModelIncomplete", message: /unpack the archive first \(model\.tar\.gz\)/ },
  ],
  [
    "no examples",
    (d) => writeFile(`${d}/train.jsonl`, "\n"),
    { code: 20, reason: "NoExamples", message: /no example to train on: there is no row/ },
  ],
  [
    "rows that are all too long",
    (d) => writeFile(`${d}/train.jsonl`, `\n${chat("x".repeat(300), "y")}\n`),
    {
      code: 20,
      reason: "NoExamples",
      message:
        /1 of 1 rows are too long; the first: .*train\.jsonl:2: .*begins after 128 tokens \(raise dataset\.maxSequenceLength\)/,
    },
  ],
  [
    "a row that is longer than its settings allow, though bad rows are allowed",
    async (d, file) => {
      await writeFile(`${d}/train.jsonl`, `${chat("x", "y")}\n${chat("x", "y".repeat(300))}\n`);
      file.dataset.truncation = "Refuse";
      file.dataset.badRows = { maxFraction: "1" };
    },
    { code: 20, reason: "RowTooLong", message: /train\.jsonl:2: is longer than 128 tokens: raise dataset\.max/ },
  ],
  [
    "no question that can be used",
    (d) => writeFile(`${d}/test.jsonl`, `${chat("x".repeat(300), "y")}\n`),
    { code: 20, reason: "NoExamples", message: /holds no example to evaluate: 1 of 1 rows are too long/ },
  ],
];

const lenient = { badRows: { maxFraction: "1" } };

test("prepare reports the first fault if no row is usable, even if bad rows are allowed", async (t) => {
  const { directory, file, context } = await place(t, lenient);
  await writeFile(`${directory}/train.jsonl`, '{"conversations": [{"from": "human", "value": 3}]}\n{"messages": 4}\n');
  await assert.rejects(runPrepare(file, context), {
    code: 20,
    reason: "NoExamples",
    message: /2 of 2 rows are bad; the first: .*train\.jsonl:1: conversations\.0\.value: /,
  });
});

test("prepare refuses a table as a source, even if bad rows are allowed", async (t) => {
  const { directory, file, context } = await place(t, lenient);
  await writeFile(`${directory}/train.jsonl`, "prompt,completion\na,b\n");
  await assert.rejects(runPrepare(file, context), {
    code: 20,
    reason: "DataUnsupported",
    message: /train\.jsonl: is a table with commas/,
  });
});

test("prepare reports a fault of the chat template itself, even if bad rows are allowed", async (t) => {
  const { directory, file, context } = await place(t, lenient);
  await writeFile(`${directory}/base/chat_template.jinja`, "{{ messages | frobnicate }}");
  await assert.rejects(runPrepare(file, context), {
    code: 20,
    reason: "TemplateInvalid",
    message: /fault is the template's/,
  });
});

for (const [what, spoil, expected] of wrong) {
  test(`prepare reports the error of ${what}`, async (t) => {
    const { directory, file, context } = await place(t);
    await spoil(directory, file);
    await assert.rejects(runPrepare(file, context), expected);
  });
}

test("a row length above the model's context is refused", async (t) => {
  const { file, context } = await place(t, { maxSequenceLength: 512 });
  await assert.rejects(runPrepare(file, context), { code: 20, reason: "SequenceTooLong" });
});
