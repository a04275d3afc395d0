import assert from "node:assert/strict";
import { test } from "node:test";
import { dataFile } from "../contract/effective.ts";
import { Stores } from "../stores/stores.ts";
import { HubServer } from "../testing/hubServer.ts";
import { filesOf } from "./dataFiles.ts";
import { hubFiles, type Wanted } from "./hubDataset.ts";
import { readSource } from "./readSource.ts";

const wanted = (change: Partial<Wanted> = {}): Wanted => ({
  uri: "hf://datasets/acme/mails",
  configuration: undefined,
  split: undefined,
  usual: "train",
  ...change,
});
const card = (yaml: string) => `---\nlicense: mit\n${yaml}\n---\n# Mails\n`;

test("without configurations the names of files and directories tell their splits", () => {
  const files = ["data/dev.csv", "data/test-1.jsonl", "data/train.jsonl", "validation/a.jsonl", "notes.json"];
  assert.deepEqual(hubFiles(files, undefined, wanted()), ["data/train.jsonl"]);
  assert.deepEqual(hubFiles(files, card(""), wanted({ usual: "validation" })), ["data/dev.csv", "validation/a.jsonl"]);
  assert.deepEqual(hubFiles(files, "no card", wanted({ split: "test" })), ["data/test-1.jsonl"]);
  const shards = [
    "data/train_sft-00000-of-00002.parquet",
    "data/train_sft-00001-of-00002.parquet",
    "data/test_sft-00000-of-00001-ab12.parquet",
  ];
  assert.deepEqual(hubFiles(shards, undefined, wanted({ split: "train_sft" })), shards.slice(0, 2));
  assert.throws(() => hubFiles(shards, undefined, wanted()), {
    code: 20,
    reason: "SplitUnknown",
    message: /no data files for the split train; its splits are train_sft, test_sft: set split/,
  });
  assert.deepEqual(hubFiles(["a.jsonl", "b.jsonl"], undefined, wanted()), ["a.jsonl", "b.jsonl"]);
  assert.throws(() => hubFiles(["a.jsonl"], undefined, wanted({ configuration: "x" })), {
    reason: "ConfigurationUnknown",
  });
});

test("the configurations of README.md name the files of each split, in all of their forms", () => {
  const files = ["de/test.csv", "de/train-1.csv", "de/train-2.csv", "en/x.parquet", "en/y.parquet", "fr/train.csv"];
  const readme = card(`configs:
- config_name: de
  data_files:
  - split: train
    path: "de/train-[0-9].{csv,tsv}"
  - split: test
    path: [de/test.csv]
- config_name: en
  data_files: "en/*.parquet"
- config_name: fr
  data_dir: fr`);
  const of = (change: Partial<Wanted>) => hubFiles(files, readme, wanted(change));
  assert.deepEqual(of({ configuration: "de" }), ["de/train-1.csv", "de/train-2.csv"]);
  assert.deepEqual(of({ configuration: "de", usual: "test" }), ["de/test.csv"]);
  assert.deepEqual(of({ configuration: "en" }), ["en/x.parquet", "en/y.parquet"]);
  assert.deepEqual(of({ configuration: "fr" }), ["fr/train.csv"]);
  assert.throws(() => of({}), {
    reason: "ConfigurationUnknown",
    message: /several configurations: set configuration to one of de, en, fr/,
  });
  assert.throws(() => of({ configuration: "it" }), {
    reason: "ConfigurationUnknown",
    message: /no configuration it; its configurations are de, en, fr/,
  });
  assert.deepEqual(
    hubFiles(files, readme.replace("- config_name: fr", "- config_name: fr\n  default: true"), wanted()),
    ["fr/train.csv"],
  );
  assert.throws(() => hubFiles(files, card("configs: [3]"), wanted()), { reason: "DatasetCardInvalid" });
});

test("a data set of the hub is read by split and configuration, and files with other endings are left out", async (t) => {
  const row = (text: string) => Buffer.from(`{"text":"${text}"}\n`);
  const hub = await HubServer.start([
    {
      kind: "datasets",
      name: "acme/mails",
      files: {
        ".gitattributes": row("x"),
        "README.md": Buffer.from("# Mails"),
        "data/train.jsonl": row("a"),
        "data/test.jsonl": row("b"),
        "data/validation.jsonl": row("c"),
      },
    },
    { kind: "datasets", name: "acme/script", files: { "script.py": row("x") } },
    { kind: "datasets", name: "acme/archive", files: { "README.md": row("x"), "train.zip": row("x") } },
  ]);
  t.after(() => hub.close());
  const stores = new Stores({
    locations: [
      { uri: "hf://datasets/acme/mails", endpoint: hub.endpoint },
      { uri: "hf://datasets/acme/script", endpoint: hub.endpoint },
      { uri: "hf://datasets/acme/archive", endpoint: hub.endpoint },
    ],
  });
  const signal = new AbortController().signal;
  for (const [split, usual, expected] of [
    [undefined, "train", "train"],
    [undefined, "validation", "validation"],
    ["test", "train", "test"],
  ] as const) {
    const file = dataFile({ uri: "hf://datasets/acme/mails@v1", ...(split && { split }) });
    const { files } = await filesOf(file, stores, usual);
    assert.deepEqual(
      files.map(({ uri }) => uri),
      [`hf://datasets/acme/mails@v1/data/${expected}.jsonl`],
    );
    let rows = 0;
    for await (const batch of readSource(files[0]!, stores, signal)) rows += batch.rows;
    assert.equal(rows, 1);
  }
  await assert.rejects(filesOf(dataFile({ uri: "hf://datasets/acme/script" }), stores, "train"), {
    reason: "NoDataFiles",
    message: /a script \(script\.py\), which is not run/,
  });
  await assert.rejects(filesOf(dataFile({ uri: "hf://datasets/acme/archive" }), stores, "train"), {
    reason: "NoDataFiles",
    message: /archive: has no file of JSON, CSV, TSV or Parquet, but train\.zip: name another data set, or convert/,
  });
});
