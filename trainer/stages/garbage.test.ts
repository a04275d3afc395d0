import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { storeLayout } from "../contract/storeLayout.ts";
import { DirectoryWriter } from "../stores/directory.ts";
import { findGarbage, type GarbageOptions, type Live, removeGarbage } from "../stores/garbage.ts";
import { Objects } from "../stores/objects.ts";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

const now = Date.now();
const dayMs = 86_400_000;
const incomingName = `${now}-${randomUUID()}`;
const temporaryName = `.luthier-tmp-${randomUUID()}`;

/** A trained run and some garbage; every file is a month old. */
async function place(t: TestContext) {
  const tiny = await TinyTraining.make(t, { quantization: { type: "NF4" }, training: { maxSteps: 1 } });
  const file = await tiny.trainFile();
  await runTrain(file, tiny.context());
  const { artifactRoot: root } = tiny;
  const { stores } = tiny.context();
  const rubbish = await new Objects(stores, root).putBytes(Buffer.from("unreferenced"));
  await stores.of(root).write(storeLayout.incoming(root, incomingName), Buffer.from("half"));
  const killed = await DirectoryWriter.begin(stores, `${await run(tiny)}/exports/a`);
  await killed.write("model.safetensors", Buffer.from("half"));
  const directory = root.slice("file://".length);
  for (const at of ["objects", await tiny.runPath()]) {
    await writeFile(path.resolve(directory, at, temporaryName), "of a writer that was killed");
  }
  await age(directory);
  const options: GarbageOptions = { stores, root, before: now - 7 * dayMs };
  const leftover = path.relative(directory, fileURLToPath(killed.temporaryUri));
  return { tiny, file, options, directory, leftover, rubbish: `objects/${rubbish.digest.slice("sha256:".length)}` };
}

const run = async (tiny: TinyTraining) => `file://${await tiny.runPath()}`;

async function age(directory: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) {
    await utimes(path.join(directory, name), now / 1000 - 30 * 86_400, now / 1000 - 30 * 86_400);
  }
}

const live =
  (change: Partial<Live> = {}) =>
  async (): Promise<Live> => ({ runHashes: new Set(), prepareKeys: new Set(), digests: new Set(), ...change });

test("gc removes objects without references and unfinished writes, and keeps the rest intact", async (t) => {
  const { tiny, options, rubbish, leftover } = await place(t);
  const { garbage } = await findGarbage(options);
  const name = path.basename(await tiny.runPath());
  assert.deepEqual(garbage.map((one) => one.path).sort(), [
    `incoming/${incomingName}`,
    `objects/${temporaryName}`,
    rubbish,
    `runs/${name}/${temporaryName}`,
    `${leftover}/.luthier-tmp-journal`,
    `${leftover}/model.safetensors`,
  ]);
  const removed: string[] = [];
  await removeGarbage(options, garbage, (one) => removed.push(one.path));
  assert.equal(removed.length, 6);
  assert.deepEqual((await findGarbage(options)).garbage, []);
  assert.equal((await runTrain(await tiny.trainFile(), tiny.context())).reused, true);
});

test("gc keeps recent objects, and objects that were referred to before their removal", async (t) => {
  const { options, directory, rubbish } = await place(t);
  assert.deepEqual((await findGarbage({ ...options, before: now - 60 * dayMs })).garbage, []);
  const { garbage } = await findGarbage(options);
  await utimes(path.join(directory, rubbish), new Date(), new Date());
  const removed: string[] = [];
  await removeGarbage(options, garbage, (one) => removed.push(one.path));
  assert.equal(removed.includes(rubbish), false);
});

test("with a cluster, gc removes the runs and inputs that it does not name, with their objects, and keeps the others", async (t) => {
  const { tiny, file, options } = await place(t);
  const paths = async (named: () => Promise<Live>) => {
    const { garbage } = await findGarbage({ ...options, live: named });
    return new Set(garbage.map((one) => one.path.split("/")[0]));
  };
  const { runHash, pins } = file;
  assert.deepEqual(
    await paths(live({ runHashes: new Set([runHash]), prepareKeys: new Set([pins.prepareKey]) })),
    new Set(["incoming", "objects", "runs"]),
  );
  assert.deepEqual(await paths(live()), new Set(["incoming", "objects", "prepared", "runs"]));
  const all = (await findGarbage({ ...options, live: live() })).garbage.length;
  const { baseDigest } = pins;
  const kept = (await findGarbage({ ...options, live: live({ digests: new Set([baseDigest]) }) })).garbage.length;
  assert.ok(kept < all - 3, "a base that is pinned keeps its files");
  let named: Partial<Live> = {};
  const asking = { ...options, live: () => live(named)() };
  const { garbage } = await findGarbage(asking);
  named = { runHashes: new Set([runHash]), prepareKeys: new Set([pins.prepareKey]) };
  await removeGarbage(asking, garbage, () => {});
  assert.equal((await runTrain(file, tiny.context())).reused, true, "what is named by the time of the removal stays");
  named = {};
  await removeGarbage(asking, garbage, () => {});
  assert.deepEqual(await options.stores.of(options.root).list(`${options.root}/objects`), []);
});

test("gc keeps every object while a run does not list what it needs", async (t) => {
  const { tiny, options, rubbish } = await place(t);
  for (const name of ["pins.json", "report.json"]) await rm(`${await tiny.runPath()}/${name}`);
  const { garbage, unknownRun } = await findGarbage(options);
  assert.ok(unknownRun);
  assert.equal(
    garbage.some((one) => one.path === rubbish),
    false,
  );
});

test("gc keeps other programs' files, whatever their place in the store and their names", async (t) => {
  const { tiny, options, directory, leftover } = await place(t);
  const run = path.relative(directory, await tiny.runPath());
  const foreign = [
    "notes.txt",
    "incoming/mail",
    "incoming/1-x",
    "objects/notes.txt",
    ".luthier-tmp-notes",
    `${run}/notes.txt`,
    `${run}/adapter/notes.txt`,
    `${run}/checkpoints/step-9/notes.txt`,
    `${run}/exports/a.tmp-1-x/notes.txt`,
    `${leftover}/notes.txt`,
    "prepared/notes.txt",
  ];
  for (const name of foreign) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), "mine");
  }
  await age(directory);
  const asking = { ...options, live: live() };
  const { garbage } = await findGarbage(asking);
  assert.ok(garbage.some(({ path: name }) => name.startsWith(`${run}/adapter/`)));
  await removeGarbage(asking, garbage, () => {});
  const left = await options.stores.of(options.root).list(options.root, "", { unfinished: true });
  assert.deepEqual(
    left.map(({ path: name }) => name).filter((name) => !name.startsWith("staged/") && !name.startsWith("quantized/")),
    foreign.toSorted(),
  );
});

test("gc refuses a directory that is not an artifact store", async (t) => {
  const directory = await temporaryDirectory(t);
  const options = { stores: new Stores(), root: `file://${directory}`, before: now + dayMs };
  assert.deepEqual((await findGarbage(options)).garbage, []);
  for (const name of [`incoming/${incomingName}`, `objects/${"0".repeat(64)}`, `runs/${"0".repeat(64)}/pins.json`]) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), "mine");
  }
  await assert.rejects(findGarbage(options), {
    code: 20,
    reason: "NotAStore",
    message: /is not an artifact store/,
  });
});
