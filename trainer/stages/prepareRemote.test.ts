/** Prepare from the hub: pinned to a commit, fetched shard by shard, each only once, also after a stop. */
import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { TrainingSpec } from "../contract/settings.ts";
import { prepareFile } from "../contract/stageFiles.ts";
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
import { decodeTensors, readSafetensorsHeader } from "../formats/safetensors.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { indexFile, shardIndex, shardTensors } from "../formats/shards.ts";
import { Objects } from "../stores/objects.ts";
import { Stores } from "../stores/stores.ts";
import { type HubRepository, HubServer } from "../testing/hubServer.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { runPrepare } from "./prepare.ts";

const row = (index: number) =>
  `${JSON.stringify({ prompt: `is ${index} even?`, completion: index % 2 ? "no" : "yes" })}\n`;

/** The tiny model in several shards, as the hub has it. */
async function shardedModel(directory: string): Promise<Record<string, Uint8Array>> {
  await writeTinyModel(directory);
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(directory)) files[name] = await readFile(`${directory}/${name}`);
  const whole = files["model.safetensors"]!;
  const header = await readSafetensorsHeader(whole.length, async (start, end) => whole.subarray(start, end));
  const data = decodeTensors(whole);
  const tensors = [...header.tensors.values()].map(({ name, dtype, shape }): TensorData => {
    return { name, dtype, shape, data: data.get(name)!.data };
  });
  delete files["model.safetensors"];
  const shards = shardTensors(tensors, 60_000);
  for (const shard of shards) files[shard.file] = encodeSafetensors(shard.tensors);
  files[indexFile] = Buffer.from(shardIndex(shards)!);
  return files;
}

async function place(t: TestContext, quantization?: TrainingSpec["baseModel"]["quantization"]) {
  const directory = await temporaryDirectory(t);
  const model: HubRepository = { name: "acme/tiny", files: await shardedModel(`${directory}/tiny`) };
  const data: HubRepository = {
    kind: "datasets",
    name: "acme/parity",
    files: { "train.jsonl": Buffer.from(Array.from({ length: 40 }, (_, index) => row(index)).join("")) },
  };
  const hub = await HubServer.start([model, data]);
  t.after(() => hub.close());
  const access = { endpoint: hub.endpoint };
  const spec: TrainingSpec = {
    baseModel: { uri: "hf://acme/tiny", revision: "v1", ...access, ...(quantization && { quantization }) },
    dataset: { sources: [{ uri: "hf://datasets/acme/parity/train.jsonl", ...access }], maxSequenceLength: 64 },
    method: { lora: {} },
  };
  const artifactRoot = `file://${directory}/artifacts`;
  const file = prepareFile({ spec, artifactRoot });
  const stores = new Stores({
    locations: [spec.baseModel, ...spec.dataset.sources].map(({ uri }) => ({ uri, ...access })),
    patience: { totalMs: 300, firstPauseMs: 5, longestPauseMs: 20, silenceMs: 200 },
  });
  const context = () => testContext(directory, { stores });
  /** Whole files; the headers of weights are read first, by ranges. */
  const fetched = () =>
    hub.requests.filter(({ at, range }) => at === "storage" && range === undefined).map(({ url }) => url);
  return { directory, hub, model, file, stores, context, fetched, objects: new Objects(stores, artifactRoot) };
}

test("a base of the hub is pinned to its commit and staged; the same commit is not fetched again", async (t) => {
  const { model, file, context, fetched, objects, directory } = await place(t);
  const { figures } = await runPrepare(file, context());
  assert.equal(figures.baseRevision, HubServer.commitOf(model));
  const manifest = await getManifest(objects, figures.baseDigest, baseManifest);
  for (const { digest } of manifest.files) await objects.localCopy(digest);
  const shards = Object.keys(model.files).filter((name) => name.endsWith(".safetensors"));
  assert.ok(shards.length > 3);
  const before = fetched().length;
  assert.equal((await runPrepare(file, context())).reused, true);
  await rm(`${directory}/artifacts/prepared`, { recursive: true });
  assert.equal((await runPrepare(file, context())).figures.baseDigest, figures.baseDigest);
  // The data, and the index that names the shards.
  assert.equal(fetched().length, before + 2, "something was fetched again");
});

test("a stopped prepare resumes with the next shard and gives the same digest", async (t) => {
  const [whole, halted] = [await place(t), await place(t)];
  const expected = (await runPrepare(whole.file, whole.context())).figures;
  const stopping = halted.context();
  const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) => {
    if (phase === "Fetching" && done > total / 2) stopping.stop();
  };
  await assert.rejects(runPrepare(halted.file, { ...stopping, onProgress }), { code: 10 });
  const before = new Set(halted.fetched());
  assert.ok(before.size > 1);
  const progress = halted.context();
  const { figures } = await runPrepare(halted.file, progress);
  assert.equal(figures.baseDigest, expected.baseDigest);
  assert.equal(figures.datasetDigest, expected.datasetDigest);
  const urls = halted.fetched();
  // The index, which is read for the shards' names and staged, and the interrupted shard.
  assert.ok(urls.length - new Set(urls).size <= 3, urls.join("\n"));
  const fetching = progress.progress.filter(({ phase }) => phase === "Fetching");
  const all = Object.values(halted.model.files).reduce((sum, { length }) => sum + length, 0);
  assert.ok(fetching[0]!.total < all / 2 + 60_000, "what is there already counts as work");
});

test("a base of the hub is quantised like one from a directory", async (t) => {
  const quantized = await place(t, { type: "NF4" });
  const { figures } = await runPrepare(quantized.file, quantized.context());
  const local = {
    ...quantized.file,
    baseModel: { uri: `file://${quantized.directory}/tiny`, quantization: { type: "NF4" as const } },
  };
  assert.deepEqual(figures.quantized, (await runPrepare(local, quantized.context())).figures.quantized);
});

test("a shard that does not match the hub's digest is refused with exit code 23, and nothing of it is staged", async (t) => {
  const { hub, model, file, context, objects } = await place(t);
  hub.fault = ({ at }, response, content) => {
    if (at !== "storage" || content === undefined) return false;
    const other = Buffer.from(content);
    other[content.length >> 1]! ^= 1;
    response.writeHead(200, { "content-length": other.length, etag: '"x"' }).end(other);
    return true;
  };
  await assert.rejects(runPrepare(file, context()), { code: 23, reason: "DigestMismatch" });
  hub.fault = () => false;
  const { figures } = await runPrepare(file, context());
  assert.equal(figures.baseRevision, HubServer.commitOf(model));
  const manifest = await getManifest(objects, figures.baseDigest, baseManifest);
  for (const { digest } of manifest.files) await objects.localCopy(digest);
});
