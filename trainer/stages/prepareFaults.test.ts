/** Prepare reports faults of its inputs, with the field or file, and the fix. */
import assert from "node:assert/strict";
import { rename as move, readdir, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { PrepareFile } from "../contract/runFile.ts";
import { changeModel, zeros } from "../testing/changedModel.ts";
import { chat, place, withNaN } from "../testing/preparation.ts";
import { runPrepare } from "./prepare.ts";

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

for (const [what, settings, message] of [
  [
    "BitFit of a model without biases",
    { method: { bitfit: {} } },
    /method\.bitfit trains biases, and this model has none/,
  ],
  [
    "layers that the model lacks",
    { method: { lora: { targetModules: ["c_attn"] } } },
    /"c_attn" is not a linear layer/,
  ],
  [
    "a rank above a matrix's",
    { method: { lora: { initialization: "PiSSA", rank: 300 } } },
    /its matrix has only \d+ singular/,
  ],
  [
    "a model without experts",
    { method: { lora: { targetParameters: ["experts.down_proj"] } } },
    /this model has none: remove it/,
  ],
  ["layers beyond the last", { method: { loha: { layers: [7] } } }, /layers: 7 does not exist/],
  [
    "a prompt beyond the context",
    { method: { promptTuning: { virtualTokens: 200 } } },
    /more than the model's context/,
  ],
  [
    "a router that is not there",
    { method: { full: {} }, routerAuxLoss: "0.1" },
    /mixture of experts, and this model has none/,
  ],
] satisfies [string, Partial<PrepareFile>, RegExp][]) {
  test(`prepare refuses ${what} by the base's headers, before it stages or reads anything`, async (t) => {
    const { directory, file, context } = await place(t);
    await writeFile(`${directory}/train.jsonl`, "not a row\n");
    await assert.rejects(runPrepare({ ...file, ...settings }, context), {
      code: 20,
      reason: "PlanImpossible",
      message,
    });
    await assert.rejects(readdir(`${directory}/artifacts/objects`), { code: "ENOENT" });
  });
}

test("rows of tokens are checked against the base that has them", async (t) => {
  const { file, context } = await place(t, { addedTokens: ["<|one|>"] });
  const training = (row: number) => ({ ...file, method: { lora: { trainableTokens: { embed_tokens: [row] } } } });
  await runPrepare(training(259), context);
  const reason = { code: 20, reason: "PlanImpossible", message: /token 260 is beyond the model's 260 rows/ };
  await rm(new URL(`${file.artifactRoot}/prepared`), { recursive: true });
  await assert.rejects(runPrepare(training(260), context), reason);
});

test("a row length above the model's context is refused", async (t) => {
  const { file, context } = await place(t, { maxSequenceLength: 512 });
  await assert.rejects(runPrepare(file, context), { code: 20, reason: "SequenceTooLong" });
});
