/** A flipped bit in any staged file is detected before training, or before the export. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { exitCode } from "../contract/exitCodes.ts";
import { StageFailure } from "../contract/failure.ts";
import { uniform } from "../testing/opCases.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runExport } from "./export.ts";
import { runTrain } from "./train.ts";

/** Does the work; returns the class of its failure. Only a corrupt input counts as detected. */
async function finds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    assert.ok(error instanceof StageFailure && error.code === exitCode.inputCorrupt, String(error));
    return true;
  }
}

test("a flipped bit in any staged object of the base or the data is detected", async (t) => {
  const training = await TinyTraining.make(t, {
    quantization: { type: "NF4" },
    training: { maxSteps: 1, batchTokens: 64 },
    examples: 12,
  });
  const file = await training.trainFile();
  const { figures } = await runTrain(file, training.context());
  const exportFile = await training.exportFile(figures.adapterDigest, {});
  const trains = () => runTrain({ ...file, runHash: "f".repeat(64) }, training.context());
  const exports = () => runExport(exportFile, training.context());
  const objects = `${training.directory}/artifacts/objects`;
  const names = (await readdir(objects, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.ok(names.length >= 8, `${names.length} objects`);
  const next = uniform(5);
  const found = { training: 0, exporting: 0 };
  for (const { parentPath, name } of names) {
    const path = `${parentPath}/${name}`;
    const whole = await readFile(path);
    for (let flips = 0; flips < 2; flips += 1) {
      const bit = Math.floor(next() * whole.length * 8);
      const wrong = Buffer.from(whole);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, wrong);
      await rm(`${training.directory}/artifacts/runs/${"f".repeat(64)}`, { recursive: true, force: true });
      await rm(`${await training.runPath()}/exports`, { recursive: true, force: true });
      if (await finds(trains)) found.training += 1;
      else if (await finds(exports)) found.exporting += 1;
      else assert.fail(`bit ${bit} of object ${name} is flipped, and no error reported it`);
    }
    await writeFile(path, whole);
  }
  t.diagnostic(JSON.stringify(found));
  assert.ok(found.training > 0 && found.exporting > 0);
});

test("a flipped bit in any file of an adapter, its manifest or the run's report is detected", async (t) => {
  const training = await TinyTraining.make(t, { training: { maxSteps: 1, batchTokens: 64 }, examples: 12 });
  const file = await training.trainFile();
  await runTrain(file, training.context());
  const run = await training.runPath();
  const next = uniform(6);
  const paths = [...(await readdir(`${run}/adapter`)).map((name) => `adapter/${name}`), "report.json"];
  assert.ok(paths.length >= 4);
  for (const path of paths) {
    const whole = await readFile(`${run}/${path}`);
    for (let flips = 0; flips < 20; flips += 1) {
      const bit = Math.floor(next() * whole.length * 8);
      const wrong = Buffer.from(whole);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(`${run}/${path}`, wrong);
      assert.ok(await finds(() => runTrain(file, training.context())), `bit ${bit} of ${path}`);
    }
    await writeFile(`${run}/${path}`, whole);
  }
  assert.equal((await runTrain(file, training.context())).reused, true);
});
