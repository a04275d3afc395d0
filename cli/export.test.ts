import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runTrain } from "../trainer/stages/train.ts";
import { TinyTraining } from "../trainer/testing/tinyTraining.ts";

function luthier(...args: string[]) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
}

test("luthier export writes a verified model with its card anywhere, finds it again, and mends what was damaged", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2 } });
  await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = `${await tiny.runPath()}/adapter`;
  const to = `${tiny.directory}/any place/merged`;
  const run = () => luthier("export", adapter, "--to", to, "--max-shard-bytes", "1000000", "--output", "json");
  const first = run();
  assert.equal(first.status, 0, first.stderr);
  const result = JSON.parse(first.stdout);
  assert.deepEqual([result.place, result.reused], [to, false]);
  assert.ok(result.maxLogitDifference < 1);
  assert.match(
    readFileSync(`${to}/README.md`, "utf8"),
    /base model `file:.*\n[\s\S]*LoRA, rank 4[\s\S]*2 steps[\s\S]*Verified/,
  );
  assert.deepEqual(readdirSync(`${tiny.directory}/any place`), ["merged"]);
  assert.equal(JSON.parse(run().stdout).reused, true);
  writeFileSync(`${to}/model.safetensors`, "cut");
  const mended = JSON.parse(run().stdout);
  assert.deepEqual([mended.reused, mended.digest], [false, result.digest]);
  const text = luthier("export", adapter, "--dtype", "F32");
  assert.match(text.stdout, /merged is written, read back and verified\n.*size.*1 shard/);
});

test("luthier export says what is wrong with what it is given", async (t) => {
  const tiny = await TinyTraining.make(t);
  const wrong: [string[], number, RegExp][] = [
    [["somewhere"], 2, /not an adapter in an artifact store/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}/adapter`], 2, /there is no finished adapter/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--to", "hf://a/b"], 2, /--to hf:\/\/a\/b: not a directory/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--to", "s3://bucket"], 2, /--to s3:\/\/bucket: not a directory/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--dtype", "F8"], 2, /--dtype is BF16 or F32/],
  ];
  for (const [args, code, says] of wrong) {
    const { status, stderr } = luthier("export", ...args);
    assert.match(stderr, says);
    assert.equal(status, code);
  }
});

test("luthier gc shows what could go, and removes it when told to", async (t) => {
  const tiny = await TinyTraining.make(t);
  await tiny.prepare();
  const store = tiny.artifactRoot.slice("file://".length);
  const { stores } = tiny.context();
  await stores.of(tiny.artifactRoot).write(`${tiny.artifactRoot}/incoming/1-x`, Buffer.from("half"));
  assert.match(luthier("gc", store).stdout, /nothing to remove/);
  const shown = luthier("gc", store, "--days", "0");
  assert.match(shown.stdout, /incoming\/1-x .*4 B .*unfinished\n1 file, 4 B: could be removed/);
  const removed = JSON.parse(luthier("gc", store, "--days", "0", "--delete", "--output", "json").stdout);
  assert.equal(removed.removed, 1);
  assert.match(luthier("gc", store, "--days", "0").stdout, /nothing to remove/);
});
