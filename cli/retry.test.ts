import assert from "node:assert/strict";
import { test } from "node:test";
import type { FineTuneJob } from "../operator/api/kinds.ts";
import { aPinnedJob, aRun } from "../operator/testing/builders.ts";
import { retryOf } from "./retry.ts";

const time = "2026-01-01T00:00:00Z";
const condition = (type: string, status: "True" | "False", reason: string, message = "Because.") => ({
  ...{ type, status, reason, message, lastTransitionTime: time },
});
const stalled = (reason: string) => [condition("Stalled", "True", reason), condition("Ready", "False", reason)];

function job(status: FineTuneJob["status"]): FineTuneJob {
  const pinned = aPinnedJob();
  return { ...pinned, status: { ...pinned.status, observedGeneration: 1, ...status } };
}
const run = aRun(aPinnedJob(), { conditions: [condition("Succeeded", "False", "Diverged")] });
const prepare = { key: "0".repeat(64), jobName: "bot-prep-1", outcome: "Failed" as const };

const cases: [string, FineTuneJob, typeof run | undefined, ReturnType<typeof retryOf>][] = [
  [
    "a failed run is deleted",
    job({ conditions: stalled("Diverged") }),
    run,
    { kind: "deleteRun", run: run.metadata.name },
  ],
  [
    "inputs that could not be read are read again",
    job({ prepare, conditions: [...stalled("BadData"), condition("InputsResolved", "False", "BadData")] }),
    undefined,
    { kind: "readInputs" },
  ],
  [
    "a failed export is made again",
    job({ state: "ExportFailed", promotedAdapterRef: { name: "bot-1" }, conditions: stalled("StoreFull") }),
    undefined,
    { kind: "export", adapter: "bot-1" },
  ],
  [
    "a deleted Adapter is restored by its run",
    job({ conditions: stalled("AdapterDeleted") }),
    aRun(aPinnedJob()),
    { kind: "deleteRun", run: run.metadata.name },
  ],
  [
    "settings that do not fit are not retried",
    job({ conditions: stalled("DoesNotFit") }),
    undefined,
    { kind: "none", why: "a retry does not help: Because." },
  ],
  ["a job that works is not retried", job({ conditions: [] }), undefined, { kind: "none", why: "it has not stalled" }],
  [
    "an edit that was not seen is not retried",
    job({ observedGeneration: 0, conditions: stalled("Diverged") }),
    run,
    { kind: "none", why: "the operator has not observed the last edit yet" },
  ],
];
for (const [name, given, current, expected] of cases) {
  test(name, () => assert.deepEqual(retryOf(given, current), expected));
}
