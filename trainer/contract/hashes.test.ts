import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExportEntry } from "./exports.ts";
import { canonicalJson, prepareKey, runHash, specHash } from "./hashes.ts";
import type { Pins } from "./runFile.ts";
import { type TrainingSpec, trainingSpec } from "./settings.ts";
import { storeLayout } from "./storeLayout.ts";
import { withDefaults } from "./writtenOut.ts";

type Schedule = NonNullable<NonNullable<TrainingSpec["training"]>["learningRateSchedule"]>;

const minimal: TrainingSpec = {
  baseModel: { uri: "pvc://models/base" },
  dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
  method: { lora: {} },
};

const everything: TrainingSpec = {
  baseModel: { uri: "pvc://models/base" },
  dataset: {
    sources: [{ uri: "pvc://data/a.jsonl", format: "Messages" }, { uri: "pvc://data/b.jsonl" }],
    validation: { fraction: "0.02" },
    maxSequenceLength: 512,
    packing: false,
    trainOn: "All",
    badRows: { maxFraction: "0.01" },
  },
  method: { full: {} },
  training: { maxSteps: 100, batchTokens: 8192, learningRate: "3e-4", seed: 7, precision: "F32", maxGradNorm: "0" },
  evaluation: { test: { uri: "pvc://data/test.jsonl" }, metrics: ["ExactMatch"], maxNewTokens: 8 },
};

const pins: Pins = {
  prepareKey: "0".repeat(64),
  baseRevision: "r",
  baseDigest: `sha256:${"1".repeat(64)}`,
  datasetDigest: `sha256:${"2".repeat(64)}`,
};

// Golden vectors. They must never change: another value would retrain every user's finished runs.
test("the hashes of version 1 do not change", () => {
  assert.equal(prepareKey(minimal), "d0f4775669168f502948ea41a9c224c0fe604c313f56265ff68dfba9d42e16cc");
  assert.equal(specHash(minimal), "a131b3902c2130c1c592c70cc3f0db7d78163e9a4127e4b30192b63d93c65b30");
  assert.equal(runHash(minimal, pins), "15e450b8e7f6c87c1f8e4e966b9b104305b3c7f9e2f590adc3d8e233be7cf55e");
  assert.equal(prepareKey(everything), "c5664fe8f7e5a2afd8a7243596df2a59c26549765e8e0b5585d2e9a29314b19b");
  assert.equal(specHash(everything), "5eddc6c7601eaaa878b2f55787f13f25b70dee0af87c0e54f70537f4a5785b7f");
  assert.equal(runHash(everything, pins), "4a88d9da07fe45113d4affd1cfe64a9b79de593c3f78a390850585729d7d9a55");
});

const onNf4 = (quantization: NonNullable<TrainingSpec["baseModel"]["quantization"]>): TrainingSpec => ({
  ...minimal,
  baseModel: { ...minimal.baseModel, quantization },
});

test("the hashes of a training on NF4 do not change", () => {
  const spec = onNf4({ type: "NF4" });
  assert.equal(prepareKey(spec), "2bc6c916d071f10cee27daa64cee6aeee8655be1c21957e6d5a862afedbfbba2");
  assert.equal(specHash(spec), "dc5f62b62cb78213b52bbaf4e4a3bcf9903d1df31e391e7addaabe731f6c4e6a");
  assert.equal(runHash(spec, pins), "b8f29d16f1ada620a32e83c409508474d743b44ca2852372e7e3793987f867bd");
});

test("quantising the base, or double-quantising it, changes all hashes", () => {
  const [once, twice] = [onNf4({ type: "NF4", doubleQuantization: false }), onNf4({ type: "NF4" })];
  for (const hash of [prepareKey, specHash, (spec: TrainingSpec) => runHash(spec, pins)]) {
    assert.equal(new Set([minimal, once, twice].map(hash)).size, 3);
    assert.equal(hash(onNf4({ type: "NF4", doubleQuantization: true })), hash(twice));
  }
});

test("writing out a default or spelling a decimal differently changes no hash", () => {
  const spelt: TrainingSpec = {
    ...minimal,
    method: { lora: { rank: 16, alpha: 32, dropout: "0.0", targetModules: ["all-linear"], rankStabilized: false } },
    training: { epochs: "1.0", learningRate: "0.0002", seed: 42, precision: "BF16" },
  };
  assert.equal(runHash(spelt, pins), runHash(minimal, pins));
  assert.equal(specHash(spelt), specHash(minimal));
});

test("moments in 8 bits make another run; paged state does not, because it changes no result", () => {
  const of = (optimizer: NonNullable<NonNullable<TrainingSpec["training"]>["optimizer"]>) =>
    runHash({ ...minimal, training: { optimizer } }, pins);
  assert.equal(of({ type: "AdamW" }), runHash(minimal, pins));
  assert.notEqual(of({ type: "AdamW8bit" }), runHash(minimal, pins));
  for (const type of ["AdamW", "AdamW8bit"] as const) assert.equal(of({ type, paged: true }), of({ type }));
});

test("every decimal that a field accepts can be hashed, however many digits its double has", () => {
  const at = (learningRate: string) => specHash({ ...minimal, training: { learningRate } });
  const long = ["3.1622776601683795e-4", "1.2345678901234567e-3", "0.0000000123456789", "1.1111111111111111e-99"];
  assert.equal(new Set(long.map(at)).size, long.length);
  assert.equal(at("3.1622776601683794e-4"), at("3.1622776601683795e-4"), "they are the same double");
});

test("the cadence of checkpoints is not part of the run hash", () => {
  const often: TrainingSpec = { ...minimal, training: { checkpoint: { everySteps: 5, keep: 3 } } };
  assert.equal(runHash(often, pins), runHash(minimal, pins));
});

test("a setting that the training depends on changes the run hash", () => {
  const edits: TrainingSpec[] = [
    { ...minimal, method: { lora: { rank: 8 } } },
    { ...minimal, method: { full: {} } },
    { ...minimal, training: { learningRate: "3e-4" } },
    { ...minimal, training: { seed: 43 } },
    { ...minimal, dataset: { ...minimal.dataset, maxSequenceLength: 512 } },
  ];
  const hashes = [minimal, ...edits].map((spec) => runHash(spec, pins));
  assert.equal(new Set(hashes).size, hashes.length);
  assert.notEqual(runHash(minimal, { ...pins, datasetDigest: `sha256:${"3".repeat(64)}` }), hashes[0]);
});

test("the settings of a schedule change the run hash only when they differ from their defaults", () => {
  const hash = (learningRateSchedule: Schedule) => runHash({ ...minimal, training: { learningRateSchedule } }, pins);
  assert.equal(hash({ type: "Cosine", minimumRatio: "0.0" }), runHash(minimal, pins));
  const stable = { type: "WarmupStableDecay" } as const;
  assert.equal(hash({ ...stable, minimumRatio: "0", decayRatio: "0.10", decayType: "Cosine" }), hash(stable));
  const different: Schedule[] = [
    { type: "Cosine" },
    { type: "Cosine", minimumRatio: "0.1" },
    { type: "InverseSquareRoot" },
    { type: "InverseSquareRoot", timescale: 100 },
    stable,
    { ...stable, minimumRatio: "0.1" },
    { ...stable, decayRatio: "0.2" },
    { ...stable, decayType: "Linear" },
  ];
  assert.equal(new Set(different.map(hash)).size, different.length);
});

test("a schedule with its defaults written out is valid and has the same hash", () => {
  for (const type of ["Constant", "Linear", "Cosine", "InverseSquareRoot", "WarmupStableDecay"] as const) {
    const spec: TrainingSpec = { ...minimal, training: { learningRateSchedule: { type } } };
    const full = withDefaults(spec);
    assert.deepEqual(trainingSpec.safeParse(full).error?.issues, undefined, type);
    assert.equal(runHash(full, pins), runHash(spec, pins), type);
  }
});

test("a changed learning rate keeps the prepare key; a changed row length changes it", () => {
  assert.equal(prepareKey({ ...minimal, training: { learningRate: "3e-4" } }), prepareKey(minimal));
  assert.notEqual(
    prepareKey({ ...minimal, dataset: { ...minimal.dataset, maxSequenceLength: 512 } }),
    prepareKey(minimal),
  );
});

test("the method changes the prepare key only where the base is quantised for it", () => {
  const keyOf = (lora: object) => prepareKey({ ...onNf4({ type: "NF4" }), method: { lora } });
  assert.equal(keyOf({ rank: 8 }), keyOf({}));
  const loftq = { initialization: "LoftQ" } as const;
  const keys = [{}, loftq, { ...loftq, rank: 8 }, { ...loftq, loftqIterations: 2 }].map(keyOf);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keyOf({ ...loftq, loftqIterations: 1 }), keyOf(loftq));
});

test("the order of data sources changes the hash; the order of target modules does not", () => {
  const targets = (names: string[]): TrainingSpec => ({ ...minimal, method: { lora: { targetModules: names } } });
  assert.equal(specHash(targets(["q_proj", "v_proj"])), specHash(targets(["v_proj", "q_proj", "q_proj"])));
  const reversed: TrainingSpec = {
    ...everything,
    dataset: { ...everything.dataset, sources: [...everything.dataset.sources].reverse() },
  };
  assert.notEqual(prepareKey(reversed), prepareKey(everything));
});

const mixed: TrainingSpec = {
  ...minimal,
  dataset: {
    sources: [
      { uri: "pvc://data/a.jsonl", format: "Alpaca", weight: "0.5" },
      { uri: "pvc://data/b.jsonl", format: "PromptCompletion", columns: { prompt: "q", completion: "a" } },
    ],
    validation: { uri: "pvc://data/v.jsonl", format: "ShareGPT" },
  },
  evaluation: { test: { uri: "pvc://data/t.jsonl", columns: { text: "body" } }, metrics: ["ExactMatch"] },
};

test("the hashes of weighted sources and of columns do not change", () => {
  assert.equal(prepareKey(mixed), "f01e1ad83864a08571e137b266c8feb2be39b678aad8795655344bf62535a36c");
  assert.equal(specHash(mixed), "ef73ceddc743c573fa2be17d3445b646d58de56c9a70119764368ad06b27eada");
});

test("metrics other than ExactMatch alone and their pattern make another run of the same inputs, in any order", () => {
  const measured = (metrics: NonNullable<TrainingSpec["evaluation"]>["metrics"], pattern?: string): TrainingSpec => ({
    ...mixed,
    evaluation: { ...mixed.evaluation!, metrics, ...(pattern !== undefined && { pattern }) },
  });
  const specs = [
    ...[mixed, measured(["F1"]), measured(["ExactMatch", "F1"])],
    ...[measured(["Pattern"], "^a"), measured(["Pattern"], "^b")],
  ];
  assert.equal(new Set(specs.map((spec) => runHash(spec, pins))).size, specs.length);
  assert.equal(new Set(specs.map(specHash)).size, specs.length);
  assert.deepEqual([...new Set(specs.map(prepareKey))], [prepareKey(mixed)]);
  assert.equal(specHash(measured(["F1", "ExactMatch"])), specHash(measured(["ExactMatch", "F1"])));
});

test("a weight of 1 and a column renamed to its own name change no hash", () => {
  const [source] = minimal.dataset.sources;
  const dataset = { sources: [{ ...source!, weight: "1.0", columns: { text: "text" } }] };
  assert.equal(prepareKey({ ...minimal, dataset }), prepareKey(minimal));
  const test = { uri: "pvc://data/t.jsonl" };
  const evaluation = (changes: object) => ({ test: { ...test, ...changes }, metrics: ["ExactMatch" as const] });
  const tested = (changes: object) => prepareKey({ ...minimal, evaluation: evaluation(changes) });
  assert.equal(tested({ format: "Auto", columns: {} }), tested({}));
});

test("a different weight, format or column changes the hash", () => {
  const [source] = minimal.dataset.sources;
  const changes = [{}, { weight: "2" }, { weight: "0.5" }, { format: "Text" as const }, { columns: { text: "body" } }];
  const keys = changes.map((change) => prepareKey({ ...minimal, dataset: { sources: [{ ...source!, ...change }] } }));
  assert.equal(new Set(keys).size, changes.length);
});

test("an export with its defaults written out keeps its directory", () => {
  const place = (merged: ExportEntry["merged"]) => storeLayout.export("run", { name: "merged", merged });
  const same: ExportEntry["merged"][] = [
    {},
    { base: "Original" },
    { dtype: "BF16" },
    { maxShardBytes: 5_000_000_000 },
    { maxShardBytes: 5_000_000_000, dtype: "BF16", base: "Original" },
  ];
  for (const merged of same) assert.equal(place(merged), "run/exports/merged-e7131e20");
  assert.equal(place({ base: "Dequantized" }), place({ base: "Dequantized", dtype: "F32" }));
  const others: ExportEntry["merged"][] = [
    ...[{}, { dtype: "F32" as const }, { maxShardBytes: 1_000_000 }, { base: "Dequantized" as const }],
    { base: "Dequantized", dtype: "BF16" },
  ];
  assert.equal(new Set(others.map(place)).size, others.length);
});

test("canonical JSON sorts keys, drops undefined members and keeps null", () => {
  assert.equal(
    canonicalJson({ b: [1, "x", null], a: undefined, A: { d: true, c: false } }),
    '{"A":{"c":false,"d":true},"b":[1,"x",null]}',
  );
});

test("the hashes include revision and endpoint, and the default revision is main", () => {
  const at = (baseModel: TrainingSpec["baseModel"]) => prepareKey({ ...minimal, baseModel });
  const hub = { uri: "hf://acme/model" };
  assert.equal(at(hub), at({ ...hub, revision: "main" }));
  const keys = [at(hub), at({ ...hub, revision: "v1" }), at({ ...hub, endpoint: "https://mirror.example" })];
  assert.equal(new Set(keys).size, 3);
  assert.equal(at({ ...hub, secretRef: { name: "token" } }), at(hub));
});
