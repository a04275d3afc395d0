/** Two processes of one run: the replaced one leaves its results to the other, and no work is repeated. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LocalStore } from "../stores/localStore.ts";
import type { CommittedFiles, Content, Store } from "../stores/store.ts";
import { Stores } from "../stores/stores.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

const small = { training: { maxSteps: 4, batchTokens: 128, checkpoint: { everySteps: 2 } }, examples: 20 };

const storesWith = (store: Store) => new Stores({ schemes: new Map([["file:", store]]) });

test("a run that another process finishes while this one starts is not trained again", async (t) => {
  const tiny = await TinyTraining.make(t, small);
  const file = await tiny.trainFile();
  const finishOther = () => runTrain(file, tiny.context());
  class LateStore extends LocalStore {
    override async create(uri: string, content: Uint8Array): Promise<boolean> {
      await finishOther();
      return await super.create(uri, content);
    }
  }
  const late = { ...tiny.context(), stores: storesWith(new LateStore(fileURLToPath)) };
  const result = await runTrain(file, late);
  assert.equal(result.reused, true);
  assert.deepEqual(late.progress, []);
  assert.equal(result.reportDigest, (await finishOther()).reportDigest);
});

test("a writer that is superseded after its adapter leaves report and checkpoints to the new writer", async (t) => {
  for (const moment of ["adapter", "report.json"]) {
    const tiny = await TinyTraining.make(t, small);
    const file = await tiny.trainFile();
    const path = await tiny.runPath();
    const takeOver = () => writeFile(`${path}/epochs/epoch-9`, "{}");
    class ReplacedStore extends LocalStore {
      override async commitDirectory(from: string, to: string, committed: CommittedFiles): Promise<void> {
        await super.commitDirectory(from, to, committed);
        if (to.endsWith(`/${moment}`)) await takeOver();
      }

      override async write(uri: string, content: Content): Promise<void> {
        await super.write(uri, content);
        if (uri.endsWith(`/${moment}`)) await takeOver();
      }
    }
    const replaced = { ...tiny.context(), stores: storesWith(new ReplacedStore(fileURLToPath)) };
    await assert.rejects(runTrain(file, replaced), { code: 12, reason: "Superseded" });
    assert.deepEqual((await readdir(`${path}/checkpoints`)).sort(), ["step-2", "step-4"]);
    assert.equal((await readdir(path)).includes("report.json"), moment === "report.json");
  }
});
