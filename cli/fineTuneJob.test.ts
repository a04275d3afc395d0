import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { UsageError } from "../terminal/arguments.ts";
import { trainingPart } from "../trainer/contract/writtenOut.ts";
import { loadFineTuneJob, localPath, localPlaces, readClaims } from "./fineTuneJob.ts";
import { ManifestError } from "./manifest.ts";

const directory = mkdtempSync(path.join(tmpdir(), "luthier-cli-"));
after(() => rmSync(directory, { recursive: true }));

function manifest(text: string): string {
  const file = path.join(directory, "job.yaml");
  writeFileSync(file, text);
  return file;
}

const good = `apiVersion: luthier.dev/v1alpha1
kind: FineTuneJob
metadata: {name: spam-filter, labels: {team: mail}}
spec:
  baseModel: {uri: pvc://models/base}
  dataset:
    sources: [{uri: pvc://data/train.jsonl}]
  method: {lora: {rank: 8}}
  placement: {gpusPerNode: 0}
  artifacts: {uri: pvc://artifacts/luthier}
`;

test("a manifest gives the settings that the trainer gets", () => {
  const job = loadFineTuneJob(manifest(good));
  assert.deepEqual(trainingPart(job.spec), {
    baseModel: { uri: "pvc://models/base" },
    dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
    method: { lora: { rank: 8 } },
  });
});

const onNf4 = (text: string) =>
  text.replace("{uri: pvc://models/base}", "{uri: pvc://models/base, quantization: {type: NF4}}");

test("a quantised base is adapted, and may be merged as it was trained on", () => {
  const job = loadFineTuneJob(
    manifest(`${onNf4(good)}  adapter: {exports: [{name: a, merged: {base: Dequantized}}, {name: b, merged: {}}]}\n`),
  );
  assert.deepEqual(trainingPart(job.spec).baseModel, { uri: "pvc://models/base", quantization: { type: "NF4" } });
});

const quantisedWrongly: [string, string, RegExp][] = [
  [
    "full on NF4",
    onNf4(good).replace("lora: {rank: 8}", "full: {}"),
    /job\.yaml:5:.*quantization: method\.full.*method\.lora/,
  ],
  ["another type", onNf4(good).replace("NF4", "FP4"), /spec\.baseModel\.quantization\.type/],
  [
    "dequantising what was not quantised",
    `${good}  adapter: {exports: [{name: a, merged: {base: Dequantized}}]}\n`,
    /spec\.adapter\.exports: merged\.base: Dequantized needs baseModel\.quantization/,
  ],
];
for (const [what, text, says] of quantisedWrongly) {
  test(`refused with its place: ${what}`, () => assert.throws(() => loadFineTuneJob(manifest(text)), says));
}

test("a name over 40 characters is refused, as in the cluster", () => {
  const file = manifest(good.replace("spam-filter", "a".repeat(41)));
  assert.throws(() => loadFineTuneJob(file), ManifestError);
});

test("a claim without a directory is named with the flag that gives it one", () => {
  const job = loadFineTuneJob(manifest(good));
  assert.throws(
    () => localPlaces(job, readClaims([`models=${directory}`]), undefined),
    (error) =>
      error instanceof UsageError &&
      error.message.includes("--claim data=DIR --claim artifacts=DIR") &&
      error.message.includes("claim data (spec.dataset.sources[0].uri: pvc://data/train.jsonl)"),
  );
});

test("a claim is a name and a directory; an empty one is not the directory that luthier was called in", () => {
  assert.deepEqual([...readClaims(["a=/x=y"])], [["a", "/x=y"]]);
  for (const text of ["data=", "=/x", "data", ""]) {
    assert.throws(
      () => readClaims([text]),
      (error) => error instanceof UsageError && /NAME=DIR/.test(error.message),
    );
  }
});

test("an output directory stands for the artifacts' claim alone", () => {
  const job = loadFineTuneJob(manifest(good));
  const claims = readClaims([`models=${directory}`, `data=${directory}`]);
  const places = localPlaces(job, claims, "/tmp/out");
  assert.equal(localPath(`${places.artifactRoot}/runs`, places.claims), "/tmp/out/default/runs");
  assert.equal(localPath("pvc://data/train.jsonl", places.claims), path.join(directory, "train.jsonl"));
});

test("the namespace of the manifest is a directory of its own", () => {
  const job = loadFineTuneJob(manifest(good.replace("name: spam-filter", "name: spam-filter, namespace: mail")));
  const claims = readClaims([`models=${directory}`, `data=${directory}`, `artifacts=${directory}`]);
  assert.equal(localPlaces(job, claims, undefined).artifactRoot, "pvc://artifacts/luthier/mail");
});

test("an input's directory must be there, the store's is made when something is written", () => {
  const job = loadFineTuneJob(manifest(good));
  const claims = (data: string) => readClaims([`models=${directory}`, `data=${data}`, "artifacts=/no/such/directory"]);
  assert.doesNotThrow(() => localPlaces(job, claims(directory), undefined));
  assert.throws(
    () => localPlaces(job, claims("/no/such/directory"), undefined),
    /spec\.dataset\.sources\[0\]\.uri: claim data lies at \/no\/such\/directory, which is not a directory/,
  );
});

for (const text of ["models", "=x"]) {
  test(`--claim ${text} is refused`, () => assert.throws(() => readClaims([text]), UsageError));
}

test("a quantity that is none is refused in words", () => {
  const text = good.replace("{gpusPerNode: 0}", "{gpusPerNode: 0, resources: {limits: {memory: 2GB}}}");
  assert.throws(
    () => loadFineTuneJob(manifest(text)),
    /spec\.placement\.resources\.limits\.memory: must be a quantity such as 2Gi or 500M/,
  );
});
