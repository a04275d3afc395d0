import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { effectiveSettings } from "../contract/effective.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { SeenTexts } from "../data/packed/splits.ts";
import { maxRowBytes } from "../data/rows/rowSplitter.ts";
import { Objects } from "../stores/objects.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { tinyVocabSize, writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { type DatasetFile, datasetFiles } from "./dataFiles.ts";
import { stageDataset } from "./stageDataset.ts";

/** The files as if they were large enough for every thread. */
const busy = (files: readonly DatasetFile[]) =>
  files.map((file) => ({ ...file, entry: { ...file.entry, bytes: 1e9 } }));

type Dataset = TrainingSpec["dataset"];

async function place(t: TestContext, files: Record<string, string>) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  for (const [name, text] of Object.entries(files)) await writeFile(`${directory}/${name}`, text);
  const { stores, signal } = testContext(directory);
  const texts = await (await StoredModel.inDirectory(stores, `file://${directory}/base`)).codecTexts();
  const objects = new Objects(stores, `file://${directory}/artifacts`);
  /** Uses all `threads`, even for little data. */
  const stage = async (dataset: Dataset, threads = 1) => {
    const at = (uri: string) => `file://${directory}/${uri}`;
    const sources = dataset.sources.map((source) => ({ ...source, uri: at(source.uri) }));
    const { validation } = dataset;
    const given = {
      ...dataset,
      sources,
      ...(validation?.uri && { validation: { ...validation, uri: at(validation.uri) } }),
    };
    const settings = effectiveSettings({
      baseModel: { uri: at("base") },
      dataset: given,
      method: { full: {} },
    }).dataset;
    const seen = new SeenTexts();
    const found = await datasetFiles(settings, stores);
    const staged = await stageDataset({
      ...{ stores, texts, settings, seen, signal, threads, objects },
      ...{ vocabSize: tinyVocabSize, files: busy(found.files), onBytes: () => {}, onStaging: () => {} },
    });
    return { ...staged, seen };
  };
  return { stage, read: async (digest: string) => new PackedDataset(await objects.read(digest)) };
}

const pair = (prompt: string, completion: string) => `${JSON.stringify({ prompt, completion })}\n`;
const pairs = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => pair(`${name} ${n}? ${"and so on ".repeat(n % 13)}`, `yes ${n}`)).join("");

test("the digest is the same for any number of threads", async (t) => {
  // Several batches, and a bad row in one of them.
  const { stage } = await place(t, { "a.jsonl": pairs(6000, "a"), "b.jsonl": `no json\n${pairs(3000, "b")}` });
  const dataset: Dataset = {
    sources: [{ uri: "a.jsonl" }, { uri: "b.jsonl", weight: "1.5" }],
    validation: { fraction: "0.1" },
    badRows: { maxFraction: "0.01" },
    maxSequenceLength: 256,
  };
  const [one, three] = [await stage(dataset, 1), await stage(dataset, 3)];
  assert.deepEqual(three.manifest, one.manifest);
  assert.deepEqual(three.counts, one.counts);
  assert.equal(one.counts.badRows, 1);
  assert.equal(one.counts.examples + one.counts.validationExamples, 9000);
});

test("an epoch uses a source as often as its weight requires, and validation ignores weights", async (t) => {
  const { stage, read } = await place(t, { "a.jsonl": pairs(200, "a"), "b.jsonl": pairs(200, "b") });
  const sources = [
    { uri: "a.jsonl", weight: "3" },
    { uri: "b.jsonl", weight: "0.5" },
  ];
  const { manifest, counts } = await stage({ sources, maxSequenceLength: 256 });
  const train = await read(manifest.train.digest);
  const seen = (source: number) => {
    const lines = [...train.line].filter((_, example) => train.source[example] === source);
    return [lines.length, new Set(lines).size];
  };
  assert.deepEqual(seen(0), [600, 200]);
  const [half, distinct] = seen(1);
  assert.equal(half, distinct);
  assert.ok(half! > 70 && half! < 130, String(half));
  assert.equal(counts.examples, 200 + half!);
  assert.equal(new Set(train.exampleId).size, train.exampleCount, "each copy has dropout of its own");

  const held = await stage({ sources, validation: { fraction: "0.25" }, maxSequenceLength: 256 });
  const validation = await read(held.manifest.validation!.digest);
  const places = Array.from(validation.line, (line, example) => `${validation.source[example]}:${line}`);
  assert.equal(new Set(places).size, places.length);
});

test("a validation set has its own format and columns, and examples in both splits are counted", async (t) => {
  const { stage } = await place(t, {
    "train.jsonl": pairs(20, "a"),
    "held.json": JSON.stringify([
      { q: "new?", a: "no" },
      { q: "a 0? ", a: "Yes  0" },
    ]),
  });
  const { counts, seen, manifest } = await stage({
    sources: [{ uri: "train.jsonl" }],
    validation: { uri: "held.json", format: "PromptCompletion", columns: { prompt: "q", completion: "a" } },
    maxSequenceLength: 256,
  });
  assert.equal(counts.validationExamples, 2);
  assert.deepEqual([seen.leaked(), seen.shared("train", "validation")], [1, 1]);
  assert.equal(manifest.sources.length, 2);
});

test("columns that the rows' format lacks are refused by name", async (t) => {
  const { stage } = await place(t, { "a.jsonl": pairs(3, "a") });
  const source = { uri: "a.jsonl", columns: { prompt: "prompt", instruction: "completion" } };
  await assert.rejects(stage({ sources: [source] }), {
    code: 20,
    message: /PromptCompletion, .* no field instruction/,
  });
});

test("a row that is too long is a bad row, and the rows after it are read", async (t) => {
  const { stage } = await place(t, { "a.jsonl": `${pair("a", "b")}${"x".repeat(maxRowBytes + 1)}\n${pair("c", "d")}` });
  await assert.rejects(stage({ sources: [{ uri: "a.jsonl" }] }), { code: 20, message: /a\.jsonl:2: is longer than/ });
  const { counts } = await stage({ sources: [{ uri: "a.jsonl" }], badRows: { maxFraction: "0.5" } });
  assert.deepEqual([counts.examples, counts.badRows], [2, 1]);
});
