import assert from "node:assert/strict";
import { globSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadFineTuneJob, localPath, localPlaces } from "../cli/fineTuneJob.ts";

const root = path.join(import.meta.dirname, "..");

for (const file of globSync(["demo/*.yaml", "demo/base/*.yaml", "docs/examples/*.yaml"], { cwd: root })) {
  test(`Luthier accepts the manifest ${file}`, () => {
    assert.equal(loadFineTuneJob(path.join(root, file)).kind, "FineTuneJob");
  });
}

test("the demo's folder contains all inputs of the quickstart, so that it can replace the claim", () => {
  const job = loadFineTuneJob(path.join(root, "demo/quickstart.yaml"));
  const { claims } = localPlaces(job, new Map([["demo-inputs", path.join(root, "demo")]]), "/tmp/out");
  const { dataset, evaluation, baseModel } = job.spec;
  const uris = [baseModel.uri, dataset.sources[0]!.uri, dataset.validation!.uri!, evaluation!.test.uri];
  const files = uris.map((uri) => path.relative(root, localPath(uri, claims)));
  assert.deepEqual(files, [
    "demo/base/model",
    "demo/data/train.jsonl",
    "demo/data/validation.jsonl",
    "demo/data/test.jsonl",
  ]);
  assert.deepEqual(globSync(files, { cwd: root }).sort(), files.toSorted());
});
