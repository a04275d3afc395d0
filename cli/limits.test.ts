import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { aSpec } from "../operator/testing/builders.ts";
import type { FineTuneJobManifest } from "./fineTuneJob.ts";
import { limitsHere, limitsOf } from "./limits.ts";

const job = (limits: { memory?: string; cpu?: string }): FineTuneJobManifest => ({
  apiVersion: "luthier.dev/v1alpha1",
  kind: "FineTuneJob",
  metadata: { name: "job" },
  spec: aSpec({ placement: { gpusPerNode: 0, resources: { limits } } }),
});

test("a plan uses the manifest's limits on any machine", () => {
  assert.deepEqual(limitsOf(job({ memory: "4Ti", cpu: "1500" })), { memoryBytes: 4 * 2 ** 40, threads: 1500 });
  assert.equal(limitsOf(job({ memory: "1Gi", cpu: "1500m" })).threads, 2);
});

test("a local run uses at most the manifest's limits and the machine's resources", () => {
  assert.deepEqual(limitsHere(job({ memory: "1Gi", cpu: "1" })), { memoryBytes: 2 ** 30, threads: 1 });
  const { memoryBytes, threads } = limitsHere(job({ memory: "4Ti", cpu: "1500" }));
  assert.ok(memoryBytes < 4 * 2 ** 40);
  assert.equal(threads, availableParallelism());
});
