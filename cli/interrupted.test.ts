/** Ctrl-C in the middle of commands that write: no partial files remain, and the same command then succeeds. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { exitCode } from "../trainer/contract/exitCodes.ts";
import { runTrain } from "../trainer/stages/train.ts";
import { findGarbage } from "../trainer/stores/garbage.ts";
import { TinyTraining } from "../trainer/testing/tinyTraining.ts";
import { luthier } from "./testing/process.ts";

test("an interrupted export leaves nothing, and the same command then finishes it", async (t) => {
  const shape = { hiddenSize: 128, intermediateSize: 512, layers: 16 };
  const tiny = await TinyTraining.make(t, { shape, training: { maxSteps: 1 }, examples: 8 });
  await runTrain(await tiny.trainFile(), tiny.context());
  const place = `${tiny.directory}/exports`;
  mkdirSync(place);
  const command = ["export", `${await tiny.runPath()}/adapter`, "--to", `${place}/merged`, "-o", "json"];
  const isWriting = () => readdirSync(place).some((name) => name.startsWith("merged.tmp-"));
  const stopped = await luthier(tiny.directory, command, { interruptWhen: isWriting });
  assert.equal(stopped.status, exitCode.stopped, stopped.stderr);
  assert.match(stopped.stderr, /an unfinished export is not used[\s\S]*luthier: .*stopped/i);
  assert.equal(stopped.stdout, "");
  assert.deepEqual(readdirSync(place), []);
  const ended = await luthier(tiny.directory, command);
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(JSON.parse(ended.stdout).reused, false);
  assert.deepEqual(readdirSync(place), ["merged"]);
});

test("an interrupted gc has removed only garbage, and the same command removes the rest", async (t) => {
  const tiny = await TinyTraining.make(t, { examples: 8 });
  const { baseDigest } = await tiny.prepare();
  const store = tiny.artifactRoot.slice("file://".length);
  const count = 3000;
  mkdirSync(`${store}/incoming`, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(`${store}/incoming/${1e12 + i}-${randomUUID()}`, "half");
  const left = () => readdirSync(`${store}/incoming`).length;
  const needed = () =>
    readdirSync(`${store}/objects`).map((name) => [name, readFileSync(`${store}/objects/${name}`, "hex")]);
  const before = needed();
  const command = ["gc", store, "--days", "0", "--delete", "-o", "json"];
  const stopped = await luthier(tiny.directory, command, { interruptWhen: () => left() < count });
  assert.equal(stopped.status, exitCode.stopped, stopped.stderr);
  assert.match(stopped.stderr, /removed files stay removed/);
  assert.ok(left() > 0 && left() < count, `${left()} left`);
  const ended = await luthier(tiny.directory, command);
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(left(), 0);
  assert.deepEqual(needed(), before);
  assert.ok(before.some(([name]) => `sha256:${name}` === baseDigest));
  const { stores } = tiny.context();
  assert.deepEqual((await findGarbage({ stores, root: tiny.artifactRoot, before: Date.now() })).garbage, []);
});
