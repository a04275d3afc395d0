import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { dataFile } from "../contract/effective.ts";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { filesOf } from "./dataFiles.ts";
import { readSource } from "./readSource.ts";

const names = [
  "a/train-1.jsonl",
  "a/train-2.csv.gz",
  "a/b/train-3.parquet",
  "a/b/test.json",
  "a/README.md",
  "a/dataset_info.json",
  "a/.hidden.jsonl",
  "a/_SUCCESS",
  "a/.cache/x.jsonl",
];

test("a source names a file, the data files of a directory, or those that match a pattern, in the order of their paths", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const name of names) {
    mkdirSync(path.dirname(`${directory}/${name}`), { recursive: true });
    writeFileSync(`${directory}/${name}`, "x");
  }
  mkdirSync(`${directory}/docs`);
  writeFileSync(`${directory}/docs/a.pdf`, "x");
  const stores = new Stores();
  const found = async (uri: string) => {
    const { files, others } = await filesOf(
      dataFile({ uri: `file://${directory}/${uri}`, format: "Text" }),
      stores,
      "train",
    );
    for (const { format, entry } of files) assert.deepEqual([format, entry.bytes], ["Text", 1]);
    const short = (uris: string[]) => uris.map((one) => one.slice(`file://${directory}/`.length));
    return [short(files.map((file) => file.uri)), short([...others])];
  };
  assert.deepEqual(await found("a/train-1.jsonl"), [["a/train-1.jsonl"], []]);
  const all = ["a/b/test.json", "a/b/train-3.parquet", "a/train-1.jsonl", "a/train-2.csv.gz"];
  for (const uri of ["a", "a/"]) assert.deepEqual(await found(uri), [all, ["a/README.md"]]);
  assert.deepEqual(await found("a/train-*"), [["a/train-1.jsonl", "a/train-2.csv.gz"], []]);
  assert.deepEqual(await found("a/*/t*.json"), [["a/b/test.json"], []]);
  assert.deepEqual(await found("**/*-*.*"), [["a/b/train-3.parquet", "a/train-1.jsonl", "a/train-2.csv.gz"], []]);
  assert.deepEqual(await found("a/.h*"), [["a/.hidden.jsonl"], []]);
  assert.deepEqual(await found("a/train-[12].*"), [["a/train-1.jsonl", "a/train-2.csv.gz"], []]);
  assert.deepEqual(await found("a/{train-?,b/test}.json{,l}"), [["a/b/test.json", "a/train-1.jsonl"], []]);
  const invalid = { code: 20, reason: "NoDataFiles" };
  await assert.rejects(found("a/*.tsv"), {
    ...invalid,
    message:
      /a\/\*\.tsv: matches none of the 6 files below file:.*\/a, such as file:.*\/a\/README\.md, .*: change the pattern$/,
  });
  await assert.rejects(found("a/trian-?.jsonl"), {
    ...invalid,
    message: /matches none of the 6 files below .*, such as [^,]*\/a\/train-1\.jsonl: change the pattern$/,
  });
  await assert.rejects(found("**/trian-*.csv*"), {
    ...invalid,
    message: /such as file:[^,]*\/a\/train-2\.csv\.gz[,:]/,
  });
  await assert.rejects(found("[a]"), {
    ...invalid,
    message: /\[a\]: matches directories but no file: add \/\*\* to read the files in them/,
  });
  await assert.rejects(found("c/*"), {
    ...invalid,
    message: /c\/\*: matches no file: there is none below file:.*\/c$/,
  });
  await assert.rejects(found("[z-a]"), { code: 20, reason: "PatternInvalid", message: /\[z-a\]: the characters in/ });
  await assert.rejects(found("docs"), {
    ...invalid,
    message: /docs: is a directory without data files .*, but with .*a\.pdf/,
  });
  await assert.rejects(found("docs/*"), { code: 20, reason: "DataUnsupported", message: /a\.pdf: is a \.pdf file/ });
  await assert.rejects(found("nothing.jsonl"), { message: /nothing\.jsonl: there is no such file$/ });
  await assert.rejects(found("a/train-1.json"), {
    message: /train-1\.json: there is no such file, but train-1\.jsonl, /,
  });
});

test("names with characters that URLs escape are found by a pattern and in a directory", async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(`${directory}/my data`);
  for (const name of ["50%.json", "a#1.json", "a?b.json", "é (1).json"])
    writeFileSync(`${directory}/my data/${name}`, '{"text":"x"}');
  for (const uri of [`file://${directory}/my%20data`, `file://${directory}/my%20data/*.json`]) {
    const { files } = await filesOf(dataFile({ uri }), new Stores(), "train");
    assert.equal(files.length, 4);
    for (const file of files) {
      let rows = 0;
      for await (const batch of readSource(file, new Stores(), new AbortController().signal)) rows += batch.rows;
      assert.equal(rows, 1, file.uri);
    }
  }
});

test("a directory or a pattern of more than 10,000 data files is refused with their number", async (t) => {
  const directory = await temporaryDirectory(t);
  for (let number = 0; number < 10_000; number++) writeFileSync(`${directory}/${number}.jsonl`, "");
  const found = (uri: string) => filesOf(dataFile({ uri }), new Stores(), "train");
  assert.equal((await found(`file://${directory}`)).files.length, 10_000);
  writeFileSync(`${directory}/more.jsonl`, "");
  for (const uri of [`file://${directory}`, `file://${directory}/*`]) {
    await assert.rejects(found(uri), {
      code: 20,
      reason: "TooManyFiles",
      message: /: has 10001 data files, more than 10000: join them/,
    });
  }
});

test("a link in a directory of data that leads out of its claim is refused when it is read", async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(`${directory}/claim/data`, { recursive: true });
  writeFileSync(`${directory}/secret.jsonl`, "x");
  symlinkSync("../../secret.jsonl", `${directory}/claim/data/a.jsonl`);
  const stores = new Stores({ claimsRoot: directory });
  const { files } = await filesOf(dataFile({ uri: "pvc://claim/data" }), stores, "train");
  await assert.rejects(readSource(files[0]!, stores, new AbortController().signal)[Symbol.asyncIterator]().next(), {
    reason: "OutsideClaim",
  });
});

test("the progress of a compressed file is that of its own bytes", async (t) => {
  const directory = await temporaryDirectory(t);
  const packed = gzipSync('{"text":"a"}\n'.repeat(1000));
  writeFileSync(`${directory}/a.jsonl.gz`, packed);
  let [bytes, rows] = [0, 0];
  const file = dataFile({ uri: `file://${directory}/a.jsonl.gz` });
  for await (const batch of readSource(file, new Stores(), new AbortController().signal)) {
    bytes += batch.bytes;
    rows += batch.rows;
  }
  assert.deepEqual([bytes, rows], [packed.length, 1000]);
});
