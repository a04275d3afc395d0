/** Check finds whether the files moved since prepare read them. */
import assert from "node:assert/strict";
import { appendFile, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkFile } from "../contract/stageFiles.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { difference } from "./check.ts";
import { runStage } from "./outcome.ts";
import { runPrepare } from "./prepare.ts";

async function checked(training: TinyTraining) {
  const { code, envelope } = await runStage(checkFile(training), training.context());
  assert.equal(code, 0, envelope.message);
  assert.ok(envelope.stage === "Check" && envelope.figures);
  return envelope.figures;
}

test("the data are unchanged until a file is added, removed or written, and again after prepare has read them", async (t) => {
  const training = await TinyTraining.make(t);
  await training.prepare();
  const first = await checked(training);
  assert.equal(first.changed, false);
  assert.deepEqual([first.files, first.before], [2, { bytes: first.bytes, added: 0, removed: 0, modified: 0 }]);

  await appendFile(`${training.directory}/test.jsonl`, await readFile(`${training.directory}/test.jsonl`));
  const longer = await checked(training);
  assert.deepEqual([longer.changed, longer.before?.modified], [true, 1]);
  assert.ok(longer.bytes > first.bytes);
  assert.equal((await runPrepare(training.prepareFile(), training.context())).reused, false);
  assert.equal((await checked(training)).changed, false);

  await utimes(`${training.directory}/train.jsonl`, 1, 1);
  assert.equal((await checked(training)).changed, true);
});

test("without the record of prepare the data count as changed; prepare writes it, and reads nothing again", async (t) => {
  const training = await TinyTraining.make(t);
  const { prepareKey } = await training.prepare();
  const uri = `${storeLayout.prepared(training.artifactRoot, prepareKey)}/manifest.json`;
  const { files: _, ...older } = JSON.parse(await readFile(fileURLToPath(uri), "utf8"));
  await writeFile(fileURLToPath(uri), JSON.stringify(older));
  const unknown = await checked(training);
  assert.deepEqual([unknown.changed, unknown.before], [true, undefined]);
  assert.equal((await runPrepare(training.prepareFile(), training.context())).reused, true);
  assert.equal((await checked(training)).changed, false);
  await rm(fileURLToPath(uri));
  assert.equal((await checked(training)).changed, true);
});

test("missing data are a failure with the file's name", async (t) => {
  const training = await TinyTraining.make(t);
  await training.prepare();
  await rm(`${training.directory}/train.jsonl`);
  const { code, envelope } = await runStage(checkFile(training), training.context());
  assert.deepEqual([code === 0, envelope.reason], [false, "FileMissing"]);
  assert.match(envelope.message, /train\.jsonl/);
});

test("listings differ by files that are new, gone, or of another size or version", () => {
  const file = (uri: string, bytes = 1, version = "v") => ({ uri, bytes, version });
  const before = [file("a"), file("b"), file("c"), file("c")];
  assert.deepEqual(difference(before, [file("c"), file("b"), file("a")]), {
    changed: false,
    files: 3,
    bytes: 3,
    before: { bytes: 3, added: 0, removed: 0, modified: 0 },
  });
  assert.deepEqual(difference(before, [file("a", 5), file("b", 1, "w"), file("d"), file("e")]), {
    changed: true,
    files: 4,
    bytes: 8,
    before: { bytes: 3, added: 2, removed: 1, modified: 2 },
  });
});
