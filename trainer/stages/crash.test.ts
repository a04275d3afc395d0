/** After a kill at any write to the store, another process resumes and gives the same bytes. */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LocalStore } from "../stores/localStore.ts";
import { Stores } from "../stores/stores.ts";
import { Crash, CrashingStore } from "../testing/crashingStore.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runExport } from "./export.ts";
import { runPrepare } from "./prepare.ts";
import { runTrain } from "./train.ts";

/** Runs `work` with a store that crashes at its write 0, 1, 2, … and once without; returns the number of writes. */
async function crashAtEveryWrite(work: (stores: Stores) => Promise<void>, after: (write: number) => Promise<void>) {
  for (let write = 0; ; write++) {
    const store = new CrashingStore(new LocalStore(fileURLToPath), write);
    const finished = await work(new Stores({ schemes: new Map([["file:", store]]) })).then(
      () => true,
      (error) => {
        assert.ok(error instanceof Crash, String(error));
        return false;
      },
    );
    await after(write);
    if (finished) return write;
  }
}

test("a training killed at any write resumes and ends with the same adapter", async (t) => {
  const training = { maxSteps: 4, batchTokens: 128, learningRate: "1e-2", checkpoint: { everySteps: 2 } };
  const tiny = await TinyTraining.make(t, { training, examples: 20 });
  const file = await tiny.trainFile();
  const path = await tiny.runPath();
  const adapters = new Set<string>();
  const finish = async () => {
    const { figures } = await runTrain(file, tiny.context());
    adapters.add(figures.adapterDigest);
    const weights = await readFile(`${path}/adapter/adapter_model.safetensors`);
    assert.ok(weights.length > 0);
    await rm(path, { recursive: true });
  };
  const work = async (stores: Stores) => void (await runTrain(file, { ...tiny.context(), stores }));
  const writes = await crashAtEveryWrite(work, finish);
  assert.ok(writes > 15, String(writes));
  assert.equal(adapters.size, 1);
});

test("the next attempt completes a prepare or an export that was killed at any write", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2, batchTokens: 128 }, examples: 20 });
  const pins = await tiny.prepare();
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const exportFile = await tiny.exportFile(figures.adapterDigest, {});
  const exported = `${await tiny.runPath()}/exports`;
  const exports = new Set<string>();
  await crashAtEveryWrite(
    async (stores) => void (await runExport(exportFile, { ...tiny.context(), stores })),
    async () => {
      exports.add((await runExport(exportFile, tiny.context())).figures.digest);
      await rm(exported, { recursive: true });
    },
  );
  assert.equal(exports.size, 1);

  const artifacts = `${tiny.directory}/artifacts`;
  await rm(artifacts, { recursive: true });
  await crashAtEveryWrite(
    async (stores) => void (await runPrepare(tiny.prepareFile(), { ...tiny.context(), stores })),
    async () => {
      const again = await runPrepare(tiny.prepareFile(), tiny.context());
      assert.equal(again.figures.datasetDigest, pins.datasetDigest);
      await rm(artifacts, { recursive: true });
    },
  );
});
