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

test("the trainer gets the settings of the manifest", () => {
  const job = loadFineTuneJob(manifest(good));
  assert.deepEqual(trainingPart(job.spec), {
    baseModel: { uri: "pvc://models/base" },
    dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
    method: { lora: { rank: 8 } },
  });
});

const onNf4 = (text: string) =>
  text.replace("{uri: pvc://models/base}", "{uri: pvc://models/base, quantization: {type: NF4}}");

test("a quantised base can be adapted, and its dequantised weights merged", () => {
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
    /spec\.adapter\.exports: base: Dequantized needs baseModel\.quantization/,
  ],
];
for (const [what, text, expected] of quantisedWrongly) {
  test(`the error names the field of ${what}`, () => assert.throws(() => loadFineTuneJob(manifest(text)), expected));
}

test("a name over 40 characters is refused, as in the cluster", () => {
  const file = manifest(good.replace("spam-filter", "a".repeat(41)));
  assert.throws(() => loadFineTuneJob(file), ManifestError);
});

test("the error names a claim without a directory and the missing flag", () => {
  const job = loadFineTuneJob(manifest(good));
  assert.throws(
    () => localPlaces(job, readClaims([`models=${directory}`]), undefined),
    (error) =>
      error instanceof UsageError &&
      error.message.includes("--claim data=DIR --claim artifacts=DIR") &&
      error.message.includes("claim data (spec.dataset.sources[0].uri: pvc://data/train.jsonl)"),
  );
});

test("a claim needs a name and a directory; an empty directory does not mean the current one", () => {
  assert.deepEqual([...readClaims(["a=/x=y"])], [["a", "/x=y"]]);
  for (const text of ["data=", "=/x", "data", ""]) {
    assert.throws(
      () => readClaims([text]),
      (error) => error instanceof UsageError && /NAME=DIR/.test(error.message),
    );
  }
});

test("an output directory replaces only the artifacts' claim", () => {
  const job = loadFineTuneJob(manifest(good));
  const claims = readClaims([`models=${directory}`, `data=${directory}`]);
  const places = localPlaces(job, claims, "/tmp/out");
  assert.equal(localPath(`${places.artifactRoot}/runs`, places.claims), "/tmp/out/default/runs");
  assert.equal(localPath("pvc://data/train.jsonl", places.claims), path.join(directory, "train.jsonl"));
});

test("each namespace has its own directory", () => {
  const job = loadFineTuneJob(manifest(good.replace("name: spam-filter", "name: spam-filter, namespace: mail")));
  const claims = readClaims([`models=${directory}`, `data=${directory}`, `artifacts=${directory}`]);
  assert.equal(localPlaces(job, claims, undefined).artifactRoot, "pvc://artifacts/luthier/mail");
});

test("an input's directory must exist; the store's is created by the first write", () => {
  const job = loadFineTuneJob(manifest(good));
  const claims = (data: string) => readClaims([`models=${directory}`, `data=${data}`, "artifacts=/no/such/directory"]);
  assert.doesNotThrow(() => localPlaces(job, claims(directory), undefined));
  assert.throws(
    () => localPlaces(job, claims("/no/such/directory"), undefined),
    /spec\.dataset\.sources\[0\]\.uri: --claim data=\/no\/such\/directory is not a directory/,
  );
});

for (const text of ["models", "=x"]) {
  test(`--claim ${text} is refused`, () => assert.throws(() => readClaims([text]), UsageError));
}

test("an invalid quantity is refused with a readable message", () => {
  const text = good.replace("{gpusPerNode: 0}", "{gpusPerNode: 0, resources: {limits: {memory: 2GB}}}");
  assert.throws(
    () => loadFineTuneJob(manifest(text)),
    /spec\.placement\.resources\.limits\.memory: must be a quantity such as 2Gi or 500M/,
  );
});
