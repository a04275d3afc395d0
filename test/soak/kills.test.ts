/**
 * Eight schedules of SIGTERM and SIGKILL, at random but seeded times, against a training in a separate process: each ends with
 * an adapter bit-identical to that of the undisturbed run. `npm run soak` runs two hundred on the quickstart.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { TinyTraining } from "../../trainer/testing/tinyTraining.ts";
import { startUntilDone } from "./restarts.ts";
import { type Kill, killSchedule } from "./schedule.ts";

const main = fileURLToPath(new URL("../../trainer/main.ts", import.meta.url));
const schedules = 8;

test(`${schedules} schedules of SIGTERM and SIGKILL give one adapter`, async (t) => {
  const training = await TinyTraining.make(t, {
    quantization: { type: "NF4" },
    method: { lora: { rank: 4, dropout: "0.1" } },
    training: { maxSteps: 40, batchTokens: 512, learningRate: "1e-2", checkpoint: { everySteps: 4 } },
  });
  const runFile = `${training.directory}/run.yaml`;
  await writeFile(runFile, stringify(await training.trainFile()));
  const run = await training.runPath();
  const start = () =>
    spawn(process.execPath, [main, "train", "--run-file", runFile, "--threads", "1"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
  /** The adapter's digest after these kills, and the number of resumes from a checkpoint. */
  const after = async (kills: readonly Kill[], since?: RegExp) => {
    await rm(run, { recursive: true, force: true });
    await startUntilDone(start, kills, since);
    const weights = await readFile(`${run}/adapter/adapter_model.safetensors`);
    const { figures } = JSON.parse(await readFile(`${run}/report.json`, "utf8"));
    const digest = createHash("sha256").update(weights).digest("hex");
    return { digest, resumes: Number(figures.resumes), trainingMs: 1000 * Number(figures.seconds) };
  };
  const started = performance.now();
  const undisturbed = await after([]);
  const wholeMs = performance.now() - started;
  let resumes = 0;
  for (let seed = 1; seed <= schedules; seed += 1) {
    // Most kills hit the training, some any other phase: loading, evaluating and saving.
    const anyTime = seed % 4 === 0;
    const kills = killSchedule(seed, anyTime ? wholeMs : undisturbed.trainingMs);
    const disturbed = await after(kills, anyTime ? undefined : /"phase":"Training"/);
    assert.equal(disturbed.digest, undisturbed.digest, `seed ${seed}`);
    resumes += disturbed.resumes;
  }
  t.diagnostic(`${resumes} resumes from a checkpoint`);
  assert.ok(resumes >= schedules / 4, `only ${resumes} kills came after a checkpoint`);
});
