import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import type { Envelope } from "../../trainer/contract/report.ts";
import { exportFileSchema } from "../../trainer/contract/runFile.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import { adapterStatus } from "../api/adapter.ts";
import type { Adapter } from "../api/kinds.ts";
import { annotations, labels } from "../api/names.ts";
import { jobState } from "../jobs/outcome.ts";
import {
  aBatchJob,
  anAdapter,
  anEnvelope,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  now,
  succeeded,
  trainer,
} from "../testing/builders.ts";
import { actions, ready, stalled } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import { exportJob, exportKey, requested } from "./exports.ts";
import type { ExportWorld, World } from "./world.ts";

const merged = { name: "merged", merged: {} };
const spec = aSpec({ adapter: { exports: [merged] } });
const job = aPinnedJob(spec);
const adapter: Adapter = { ...anAdapter(job, succeeded(aRun(job))), status: {} };

function aWorld(state: ExportWorld["state"], of: Adapter = adapter): World {
  const batchJob = state.kind === "Absent" ? undefined : aBatchJob();
  const exports = [{ entry: merged, key: exportKey(of, merged), job: batchJob, state }];
  return { adapter: of, now, ...trainer, spec: of.spec, exports, staleJobs: [] };
}

const figures = {
  name: "merged",
  digest: `sha256:${"b".repeat(64)}`,
  sizeBytes: 7,
  shards: 1,
  maxLogitDifference: 0.01,
  klDivergence: 1e-6,
};
const written = (change: Partial<Envelope> = {}) =>
  jobState(aBatchJob({ type: "Complete" }), [
    aPod({ exitCode: 0, message: anEnvelope({ stage: "Export", figures, ...change } as Envelope) }),
  ]);

for (const base of ["Original", "Dequantized"] as const) {
  test(`an export's run file names the base to merge with (${base}) and the digest of the trained base`, () => {
    const entry = { name: "merged", merged: { base } };
    const key = exportKey(adapter, entry);
    const asked = exportJob(adapter, adapter.spec, { entry, key }, trainer);
    const file = exportFileSchema.parse(parse(asked.spec?.template.metadata?.annotations?.[annotations.runFile] ?? ""));
    assert.deepEqual([file.export, file.baseDigest], [entry, job.status!.pins!.baseDigest]);
    assert.equal(key === exportKey(adapter, merged), base === "Original");
  });
}

const pushed = {
  name: "merged",
  merged: {},
  oci: { uri: "oci://registry.example/team/bot", secretRef: { name: "login" } },
};
const promotedAdapter = (at: string): Adapter => ({
  ...adapter,
  metadata: { ...adapter.metadata, annotations: { [annotations.promotedAt]: at } },
});

test("an export to a registry has the registry's location and Secret, and its content is that of an export without", () => {
  const key = exportKey(adapter, pushed);
  const asked = exportJob(adapter, adapter.spec, { entry: pushed, key }, trainer);
  const file = exportFileSchema.parse(parse(asked.spec?.template.metadata?.annotations?.[annotations.runFile] ?? ""));
  assert.deepEqual(file.locations, [{ uri: pushed.oci.uri, secretRef: { name: "login" } }]);
  assert.equal(file.tag, undefined);
  assert.match(JSON.stringify(asked.spec?.template.spec?.volumes), /"\.dockerconfigjson"/);
  assert.notEqual(key, exportKey(adapter, merged));
  assert.equal(storeLayout.export("run", pushed), storeLayout.export("run", merged));
});

test("the tag of the promoted revision moves once the Job that writes is ready, and only for the promoted revision", () => {
  const promoted = promotedAdapter("2026-01-02T00:00:00Z");
  const plain = exportKey(promoted, pushed);
  const tagged = exportKey(promoted, pushed, { tagged: true });
  const tag = "merged-promoted";
  const isPromoted = true;
  const withExport = (key: string, state: "Pending" | "Running" | "Ready" | "Failed") => ({
    ...promoted,
    status: { exports: [{ name: "merged", key, jobName: "export", state }] },
  });
  assert.deepEqual(requested(adapter, pushed, { isPromoted }), { key: plain });
  assert.deepEqual(requested(promoted, pushed, { isPromoted }), { key: tagged, tag });
  for (const state of ["Pending", "Running", "Failed"] as const)
    assert.deepEqual(requested(withExport(plain, state), pushed, { isPromoted }), { key: plain }, state);
  assert.deepEqual(requested(withExport(plain, "Ready"), pushed, { isPromoted }), { key: tagged, tag });
  assert.deepEqual(requested(promoted, pushed, { isPromoted: false }), { key: plain });
  assert.deepEqual(requested(withExport(tagged, "Ready"), pushed, { isPromoted: false }), { key: tagged, tag });
  assert.deepEqual(requested(withExport(tagged, "Running"), pushed, { isPromoted: false }), { key: plain });
  assert.deepEqual(requested(promoted, merged, { isPromoted }), { key: exportKey(promoted, merged) });
  const later = promotedAdapter("2026-01-03T00:00:00Z");
  assert.notEqual(requested(later, pushed, { isPromoted }).key, tagged);
  const job = exportJob(promoted, promoted.spec, { entry: pushed, key: tagged, tag }, trainer);
  const file = exportFileSchema.parse(parse(job.spec?.template.metadata?.annotations?.[annotations.runFile] ?? ""));
  assert.equal(file.tag, tag);
});

test("a ready export names its artifact by the repository of the spec and the digest, with its tags", () => {
  const artifactDigest = `sha256:${"c".repeat(64)}`;
  const state = written({
    figures: { ...figures, artifactDigest, artifactBytes: 9, uploadedBytes: 9 },
  } as Partial<Envelope>);
  const world = aWorld(state);
  const exports = world.exports.map((one) => ({ ...one, entry: pushed, tag: "merged-promoted" }));
  const { status } = decide({ ...world, exports });
  assert.deepEqual(status.exports?.[0]?.artifact, {
    uri: `oci://registry.example/team/bot@${artifactDigest}`,
    tags: [`merged-${adapter.spec.provenance.runHash.slice(0, 12)}`, "merged-promoted"],
    sizeBytes: 9,
  });
});

test("an export that has no Job gets one, and the Adapter is not ready", () => {
  const decision = decide(aWorld({ kind: "Absent" }));
  assert.deepEqual([actions(decision), ready(decision)?.status], [["createJob"], "False"]);
});

test("a ready export has the figures of its comparison, and its URI follows from the layout, not from the pod", () => {
  const decision = decide(aWorld(written()));
  const { status } = decision;
  assert.deepEqual(actions(decision), []);
  assert.equal(ready({ status })?.status, "True");
  assert.deepEqual(status.exports?.[0]?.verified, { maxLogitDifference: "0.01", klDivergence: "0.000001" });
  assert.match(
    status.exports?.[0]?.uri ?? "",
    /^pvc:\/\/store\/team\/runs\/[0-9a-f]{64}\/exports\/merged-[0-9a-f]{8}$/,
  );
});

test("a finished export no longer needs its Job", () => {
  const { status } = decide(aWorld(written()));
  const later = decide(aWorld({ kind: "Absent" }, { ...adapter, status }));
  assert.deepEqual([later.actions, later.status], [[], status]);
});

test("a failed export stalls the Adapter, and the operator does not retry it unasked", () => {
  const message = anEnvelope({
    stage: "Export",
    outcome: "Failed",
    reason: "VerificationFailed",
    message: "logits differ",
  });
  const { status } = decide(
    aWorld(jobState(aBatchJob({ type: "Failed", reason: "PodFailurePolicy" }), [aPod({ exitCode: 21, message })])),
  );
  assert.equal(stalled({ status })?.reason, "VerificationFailed");
  assert.deepEqual(decide(aWorld({ kind: "Absent" }, { ...adapter, status })).actions, []);
});

test("an export that ran out of memory names the limit of the helpers, and the operator retries it when that is raised", () => {
  const limited = (memory: string, status: NonNullable<Adapter["status"]>): Adapter => {
    const execution = { ...adapter.spec.execution, placement: { resources: { limits: { memory } } } };
    return { ...adapter, spec: { ...adapter.spec, execution }, status };
  };
  const killed = aBatchJob({ type: "Failed", reason: "PodFailurePolicy" });
  killed.metadata.labels = { [labels.stage]: "export" };
  const outOfMemory = jobState(killed, [aPod({ exitCode: 137, reason: "OOMKilled" })]);
  const begun = decide(aWorld({ kind: "Absent" }, limited("64Mi", {})));
  const failed = decide(aWorld(outOfMemory, limited("64Mi", begun.status)));
  assert.match(
    stalled(failed)?.message ?? "",
    /Raise helpers\.resources\.limits\.memory; the operator then exports again\.$/,
  );
  const gone = { kind: "Absent" } as const;
  assert.deepEqual(actions(decide(aWorld(gone, limited("64Mi", failed.status)))), []);
  for (const [state, does] of [
    [outOfMemory, "deleteJob"],
    [gone, "createJob"],
  ] as const) {
    const raised = decide(aWorld(state, limited("128Mi", failed.status)));
    assert.deepEqual([actions(raised), raised.status.exports?.[0]?.state], [[does], "Pending"]);
  }
});

const long = "Words of an admission webhook. ".repeat(200);
const longStates: ExportWorld["state"][] = [
  { kind: "Pending", reason: "R".repeat(100), message: long },
  {
    kind: "Failed",
    failure: { reason: "R".repeat(100), message: long, exitCode: 20, retryable: false, exhausted: false },
    endedAt: undefined,
  },
];
for (const state of longStates) {
  test(`${state.kind} with a message longer than a status allows still gives a valid status`, () => {
    const { status } = decide(aWorld(state));
    assert.equal(adapterStatus.safeParse(status).error, undefined);
    if (state.kind === "Failed") assert.match(ready({ status })?.message ?? "", /To retry, annotate this Adapter/);
  });
}

test("the operator ignores a report of another export, and runs the Job again", () => {
  const decision = decide(aWorld(written({ figures: { ...figures, name: "gguf" } } as Partial<Envelope>)));
  assert.deepEqual([decision.status.exports?.[0]?.state, actions(decision)], ["Pending", ["deleteJob"]]);
});

test("the operator gives up on a report that is lost each time; one Job counts once", () => {
  let status: Adapter["status"] = {};
  for (const { uid, state, does } of [
    { uid: "1", state: "Pending", does: ["deleteJob"] },
    { uid: "1", state: "Pending", does: ["deleteJob"] },
    { uid: "2", state: "Pending", does: ["deleteJob"] },
    { uid: "3", state: "Pending", does: ["deleteJob"] },
    { uid: "4", state: "Failed", does: [] },
  ]) {
    const gone = decide(aWorld({ kind: "Absent" }, { ...adapter, status }));
    const world = aWorld(jobState(aBatchJob({ type: "Complete" }), []), { ...adapter, status: gone.status });
    const [one] = world.exports;
    const job = { ...aBatchJob(), metadata: { ...aBatchJob().metadata, uid } };
    const decision = decide({ ...world, exports: [{ ...one!, job }] });
    assert.deepEqual([decision.status.exports?.[0]?.state, actions(decision)], [state, does]);
    status = decision.status;
  }
  assert.match(stalled({ status: status ?? {} })?.message ?? "", /registry\.example\/luthier-trainer:1/);
});

test("an edited entry is another export; one whose defaults are written out is the same", () => {
  assert.equal(
    exportKey(adapter, merged),
    exportKey(adapter, { ...merged, merged: { base: "Original", dtype: "BF16" } }),
  );
  assert.notEqual(exportKey(adapter, merged), exportKey(adapter, { ...merged, merged: { dtype: "F32" } }));
});

test("an Adapter without exports is ready, but not verified", () => {
  const { status } = decide({ ...aWorld({ kind: "Absent" }), exports: [] });
  assert.equal(ready({ status })?.status, "True");
  assert.match(ready({ status })?.message ?? "", /^run-[0-9a-f]{16} wrote it to the store; no export has read it back/);
});

describe("of eight exports", () => {
  const entries = Array.from({ length: 8 }, (_, index) => ({ name: `e${index}`, merged: {} }));
  const of: Adapter = { ...adapter, spec: { ...adapter.spec, exports: entries } };
  const gone: ExportWorld["state"] = { kind: "Absent" };
  const runs = jobState(aBatchJob(), [aPod({ running: true })]);
  /** Decides with these states, the others without a Job; returns the names of the exports whose Jobs are created. */
  const made = (states: readonly ExportWorld["state"][], status: Adapter["status"] = {}) => {
    const exports = entries.map((entry, index) => {
      const state = states[index] ?? gone;
      return { entry, key: exportKey(of, entry), job: state.kind === "Absent" ? undefined : aBatchJob(), state };
    });
    const decision = decide({
      adapter: { ...of, status },
      now,
      ...trainer,
      spec: of.spec,
      exports,
      staleJobs: [],
    });
    const names = decision.actions.map(({ job: { metadata } }) => metadata.name);
    return { ...decision, made: entries.filter((entry) => names.includes(`export-${exportKey(of, entry)}`)) };
  };
  const named = (...indices: number[]) => indices.map((index) => entries[index]);
  const figuresOf = (name: string) => written({ figures: { ...figures, name } } as Partial<Envelope>);

  test("two run at once, in the order of the spec, and the others report that they are queued", () => {
    const first = made([]);
    assert.deepEqual(first.made, named(0, 1));
    const words = first.status.exports?.map(({ message }) => message);
    for (const word of words?.slice(0, 2) ?? []) assert.doesNotMatch(word ?? "", /waiting/);
    for (const word of words?.slice(2) ?? []) assert.match(word ?? "", /^queued: at most 2 exports of an Adapter run/);
  });

  for (const { name, states, next } of [
    { name: "both run", states: [runs, runs], next: [] },
    { name: "one waits for its pod", states: [runs, jobState(aBatchJob(), [])], next: [] },
    { name: "the Job of one is being deleted", states: [runs, { kind: "Deleting" as const }], next: [] },
    { name: "one is written", states: [figuresOf("e0"), runs], next: [2] },
    { name: "both are written", states: [figuresOf("e0"), figuresOf("e1")], next: [2, 3] },
    {
      name: "one has failed",
      states: [runs, jobState(aBatchJob({ type: "Failed" }), [aPod({ exitCode: 20 })])],
      next: [2],
    },
  ] satisfies { name: string; states: ExportWorld["state"][]; next: number[] }[]) {
    test(`${next.length} more start when ${name}`, () => assert.deepEqual(made(states).made, named(...next)));
  }

  test("finished exports do not count towards the limit", () => {
    const { status } = made([figuresOf("e0"), figuresOf("e1")]);
    const later = made([gone, gone, runs], status);
    assert.deepEqual(later.made, named(3));
    assert.equal(later.status.exports?.[0]?.state, "Ready");
  });
});
