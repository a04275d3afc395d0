import assert from "node:assert/strict";
import { readdir, rm, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { storeLayout } from "../contract/storeLayout.ts";
import { findGarbage, type GarbageOptions, type Live, removeGarbage } from "../stores/garbage.ts";
import { Objects } from "../stores/objects.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

const now = Date.now();
const dayMs = 86_400_000;

/** A trained run, some rubbish, and everything of it a month old. */
async function place(t: TestContext) {
  const tiny = await TinyTraining.make(t, { quantization: { type: "NF4" }, training: { maxSteps: 1 } });
  const file = await tiny.trainFile();
  await runTrain(file, tiny.context());
  const { artifactRoot: root } = tiny;
  const { stores } = tiny.context();
  const rubbish = await new Objects(stores, root).putBytes(Buffer.from("nobody's"));
  await stores.of(root).write(storeLayout.incoming(root, "1-x"), Buffer.from("half"));
  await stores.of(root).write(`${await run(tiny)}/exports/a.tmp-1-x/model.safetensors`, Buffer.from("half"));
  const directory = root.slice("file://".length);
  for (const at of ["objects", await tiny.runPath()]) {
    await writeFile(path.resolve(directory, at, ".luthier-tmp-0a1b"), "of a writer that was killed");
  }
  await age(directory);
  const options: GarbageOptions = { stores, root, before: now - 7 * dayMs };
  return { tiny, file, options, directory, rubbish: `objects/${rubbish.digest.slice("sha256:".length)}` };
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

test("what no run and no input refers to is garbage, and what was left unfinished; the rest stays whole", async (t) => {
  const { tiny, options, rubbish } = await place(t);
  const { garbage } = await findGarbage(options);
  const name = path.basename(await tiny.runPath());
  assert.deepEqual(garbage.map((one) => one.path).sort(), [
    "incoming/1-x",
    "objects/.luthier-tmp-0a1b",
    rubbish,
    `runs/${name}/.luthier-tmp-0a1b`,
    `runs/${name}/exports/a.tmp-1-x/model.safetensors`,
  ]);
  const removed: string[] = [];
  await removeGarbage(options, garbage, (one) => removed.push(one.path));
  assert.equal(removed.length, 5);
  assert.deepEqual((await findGarbage(options)).garbage, []);
  assert.equal((await runTrain(await tiny.trainFile(), tiny.context())).reused, true);
});

test("what is young is left alone, and so is what was put to use before it could be removed", async (t) => {
  const { options, directory, rubbish } = await place(t);
  assert.deepEqual((await findGarbage({ ...options, before: now - 60 * dayMs })).garbage, []);
  const { garbage } = await findGarbage(options);
  await utimes(path.join(directory, rubbish), new Date(), new Date());
  const removed: string[] = [];
  await removeGarbage(options, garbage, (one) => removed.push(one.path));
  assert.equal(removed.includes(rubbish), false);
});

test("with a cluster, runs and inputs that it does not name go with their objects; those that it names stay", async (t) => {
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

test("a run that does not say what it needs keeps every object", async (t) => {
  const { tiny, options, rubbish } = await place(t);
  for (const name of ["pins.json", "report.json"]) await rm(`${await tiny.runPath()}/${name}`);
  const { garbage, unknownRun } = await findGarbage(options);
  assert.ok(unknownRun);
  assert.equal(
    garbage.some((one) => one.path === rubbish),
    false,
  );
});
