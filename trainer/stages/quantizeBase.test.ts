import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { effectiveMethod } from "../contract/methods/index.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { Objects } from "../stores/objects.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { storedFactors } from "../weights/storedFactors.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { type QuantizeOptions, quantizeBase } from "./quantizeBase.ts";
import { stageBase } from "./stageBase.ts";

/** A model that records which ranges of its weights were read. */
class WatchedModel extends StoredModel {
  readonly starts: number[] = [];

  override async read(name: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    // The header is below byte 9.
    if (range && range.start > 8) this.starts.push(range.start);
    return await super.read(name, range);
  }
}

async function place(t: TestContext, change: Partial<QuantizeOptions> = {}) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  const { stores } = testContext(directory);
  const artifactRoot = `file://${directory}/artifacts`;
  const objects = new Objects(stores, artifactRoot);
  const staging = { stores, objects, artifactRoot, onBytes: () => {} };
  const { manifest, bytes } = await stageBase(`file://${directory}/base`, staging);
  const model = new WatchedModel(stores, located(manifest, objects));
  const options: QuantizeOptions = {
    stores,
    objects,
    artifactRoot,
    original: { manifest, model, bytes, digest: `sha256:${"0".repeat(64)}` },
    quantization: { type: "NF4", doubleQuantization: true },
    shardBytes: 40_000,
    onTensor: () => {},
    ...change,
  };
  return { options, model };
}

const located = ({ files }: BaseManifest, objects: Objects) =>
  new Map(
    files.map(({ path, digest, bytes }) => {
      return [path, { uri: objects.uri(digest), entry: { path, bytes, version: digest, modifiedAt: 0 } }];
    }),
  );

test("stopped quantising resumes with the interrupted shard and gives the same digests", async (t) => {
  const [{ options: once }, { options, model }] = [await place(t), await place(t)];
  const whole = await quantizeBase(once);
  const onTensor = (done: number) => {
    if (done > 8) throw new Error("stopped");
  };
  await assert.rejects(quantizeBase({ ...options, onTensor }), /stopped/);
  const before = model.starts.length;
  assert.ok(before > 0);
  assert.deepEqual(await quantizeBase(options), whole);
  assert.ok(model.starts.length > before);
  const all = model.starts.length;
  // The interrupted shard.
  const twice = all - new Set(model.starts).size;
  assert.ok(twice > 0 && twice < 8, `${twice} tensors were read twice`);
  await quantizeBase(options);
  assert.equal(model.starts.length, all, "what is done was done again");
});

test("a base that is quantised for LoftQ has the factors in files of their own, and resumes like any other", async (t) => {
  const method = effectiveMethod({ lora: { rank: 3, initialization: "LoftQ", targetModules: ["q_proj"] } });
  const [{ options: once }, { options, model }] = [await place(t, { method }), await place(t, { method })];
  const whole = await quantizeBase(once);
  const made = StoredModel.ofManifest(once.stores, once.objects, whole.manifest);
  const linear = (await made.config()).layers;
  const opened: string[] = [];
  const read = storedFactors({
    names: () => made.names(),
    read(name) {
      opened.push(name);
      return made.read(name);
    },
  });
  const files = made.names().filter((name) => name.endsWith(".factors"));
  for (let layer = 0; layer < linear; layer++) await read(`model.layers.${layer}.self_attn.q_proj.lora_A.weight`);
  assert.ok(files.length > 1);
  assert.deepEqual(opened, files, "each file is read once in the order of the layers");
  for (let layer = linear - 1; layer >= 0; layer--) {
    const name = `model.layers.${layer}.self_attn.q_proj`;
    assert.ok((await read(`${name}.lora_A.weight`)).some((value) => value !== 0));
    assert.ok((await read(`${name}.lora_B.weight`)).some((value) => value !== 0));
  }
  await assert.rejects(read("model.layers.0.self_attn.k_proj.lora_A.weight"), /has no factors .*k_proj/);
  assert.ok(made.companions().every((name) => !name.endsWith(".factors")));
  const onTensor = (done: number) => {
    if (done > 8) throw new Error("stopped");
  };
  await assert.rejects(quantizeBase({ ...options, onTensor }), /stopped/);
  assert.deepEqual(await quantizeBase(options), whole);
  const all = model.starts.length;
  await quantizeBase(options);
  assert.equal(model.starts.length, all, "what is done was done again");
  const wide = effectiveMethod({ lora: { rank: 512, initialization: "LoftQ" } });
  await assert.rejects(
    quantizeBase({ ...options, method: wide }),
    /the rank of .* is 512, but its matrix has only .* lower rank/,
  );
});

test("almost all of a shard can be mapped: only the scales of scales lie between cache lines", async (t) => {
  const { options } = await place(t, { shardBytes: 1_000_000 });
  const { manifest } = await quantizeBase(options);
  const made = StoredModel.ofManifest(options.stores, options.objects, manifest);
  for (const { name, start, end } of (await made.tensors()).values()) {
    if ((end - start) % 64 === 0) assert.equal(start % 64, 0, name);
  }
});

test("a truncated record is ignored", async (t) => {
  const { options, model } = await place(t);
  const whole = await quantizeBase(options);
  const [note] = await options.stores.of(options.artifactRoot).list(`${options.artifactRoot}/quantized`);
  await options.stores
    .of(options.artifactRoot)
    .write(`${options.artifactRoot}/quantized/${note!.path}`, Buffer.from("{"));
  const before = model.starts.length;
  assert.deepEqual(await quantizeBase(options), whole);
  assert.equal(model.starts.length, 2 * before);
});
