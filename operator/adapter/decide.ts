/**
 * Decides what an Adapter does next. Pure. Each export has one Job. The Adapter is Ready when every export was written, read
 * back and compared; a failed export does not stop the others.
 */

import { counted } from "../../trainer/contract/counted.ts";
import type { AdapterSpec, ExportStatus } from "../api/adapter.ts";
import { type ConditionUpdate, updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import { deletingReason, deletingWords } from "../api/deletion.ts";
import { blocked, type DeclaredStep, ready, reconciling, stalled } from "../api/outcome.ts";
import { isOutdated } from "../jobs/render.ts";
import { exportJob, exportStatus } from "./exports.ts";
import type { Action, Decision, ExportWorld, World } from "./world.ts";

type Step = (world: World, exports: readonly ExportStatus[]) => Decision | undefined;

const exportFailed: Step = (world, exports) => {
  const failed = exports.find(({ state }) => state === "Failed");
  if (failed === undefined) return undefined;
  const message = `Export ${failed.name}: ${failed.message ?? ""}`;
  return decisionOf(world, "Stalled", "Failed", failed.reason ?? "ExportFailed", message, exports);
};

const exporting: Step = (world, exports) => {
  const unfinished = exports.find(({ state }) => state !== "Ready");
  if (unfinished === undefined) return undefined;
  const message = `Export ${unfinished.name}: ${unfinished.message ?? "Writing, reading back and comparing."}`;
  return decisionOf(world, "Reconciling", "Exporting", unfinished.reason ?? "Exporting", message, exports);
};

const exported: Step = (world, exports) => {
  const { runName } = world.adapter.spec.provenance;
  const message =
    exports.length === 0
      ? `${runName} wrote it to the store; no export has read it back.`
      : `${counted(exports.length, "export")} ${exports.length === 1 ? "is" : "are"} written and verified.`;
  return decisionOf(world, "Ready", "Ready", "Exported", message, exports);
};

/** The steps in order; the Jobs to create or delete follow from each export separately. */
export const road: readonly DeclaredStep<Step>[] = [
  {
    name: "exportFailed",
    when: "an export failed; the operator does not retry it unasked, and the other exports continue",
    outcomes: [stalled("Failed", "* the export's")],
    step: exportFailed,
  },
  {
    name: "exporting",
    when: "an export is not written and compared yet",
    outcomes: [
      reconciling("Exporting", "Exporting"),
      reconciling("Exporting", "Queued"),
      blocked("Exporting", "* the pod's"),
    ],
    step: exporting,
  },
  {
    name: "exported",
    when: "else: every export was written, read back and compared",
    outcomes: [ready("Ready", "Exported")],
    step: exported,
  },
];

export function decide(world: World): Decision {
  const { adapter, spec, trainerImage } = world;
  if (adapter.metadata.deletionTimestamp !== undefined) {
    const words = deletingWords(adapter);
    return decisionOf(world, "Reconciling", "Deleting", deletingReason(adapter), words, adapter.status?.exports ?? []);
  }
  if ("issue" in spec)
    return decisionOf(world, "Stalled", "Invalid", "InvalidSpec", spec.issue, adapter.status?.exports ?? []);
  const statuses = world.exports.map((one) =>
    exportStatus(statusOf(world, one.entry.name), one, { spec, trainerImage }),
  );
  const waiting = waitingForPlace(world, statuses);
  const exports = statuses.map((one) => (waiting.has(one.key) ? { ...one, message: waitingWords } : one));
  const actions = [
    ...world.staleJobs.map((job) => ({ kind: "deleteJob" as const, job })),
    ...world.exports
      .filter(({ key }, index) => exports[index]?.state === "Pending" && !waiting.has(key))
      .flatMap((one) => jobActions(world, spec, one)),
  ];
  for (const { step } of road) {
    const decision = step(world, exports);
    if (decision) return { ...decision, actions, requeueAfterMs: pollAfterMs(world) };
  }
  throw new Error("no step decided, although the last one always should");
}

function pollAfterMs({ exports }: World): number | undefined {
  const waits = exports.flatMap(({ state }) => (state.kind === "Pending" ? (state.pollAfterMs ?? []) : []));
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** How many exports of one Adapter have a Job at a time; they share a node's processors and a store. */
const exportsAtOnce = 2;
const waitingWords = `queued: at most ${exportsAtOnce} exports of an Adapter run at once.`;

/** Keys of the queued exports, which get no Job yet; the order is that of the spec. */
function waitingForPlace({ exports }: World, statuses: readonly ExportStatus[]): Set<string> {
  const places = exportsAtOnce - exports.filter(holdsPlace).length;
  const withoutJob = exports.filter(
    ({ state }, index) => state.kind === "Absent" && statuses[index]?.state === "Pending",
  );
  return new Set(withoutJob.slice(Math.max(0, places)).map(({ key }) => key));
}

const holdsPlace = ({ state }: ExportWorld) => !["Absent", "Succeeded", "Failed", "Foreign"].includes(state.kind);

/** The actions on the Job of an unfinished export. */
function jobActions(world: World, spec: AdapterSpec, one: ExportWorld): Action[] {
  const { job, state } = one;
  const wanted = exportJob(world.adapter, spec, one, world);
  switch (state.kind) {
    case "Absent":
      return [{ kind: "createJob", job: wanted }];
    case "Pending":
      return job && state.podRuns !== true && isOutdated(job, wanted) ? [{ kind: "deleteUnstarted", job }] : [];
    // Its report was lost, or its memory limit was raised.
    case "Succeeded":
    case "Failed":
      return job ? [{ kind: "deleteJob", job }] : [];
    default:
      return [];
  }
}

function statusOf({ adapter }: World, name: string): ExportStatus | undefined {
  return adapter.status?.exports?.find((one) => one.name === name);
}

/** Are the adapter's bytes those that were trained? Only an export that read them knows. */
function verified(exports: readonly ExportStatus[]): ConditionUpdate {
  const type = "Verified";
  const lost = exports.find(({ reason = "" }) => /^Adapter(Missing|Corrupt)$/.test(reason));
  if (lost) return { type, status: "False", reason: lost.reason ?? "", message: lost.message ?? "" };
  const written = exports.filter(({ state }) => state === "Ready").length;
  if (written === 0) return { type, status: "Unknown", reason: "NotRead", message: "No export has read it back yet." };
  const message = `Read with its digest; the logits of ${written} of ${counted(exports.length, "export")} were compared with its own.`;
  return { type, status: "True", reason: "Verified", message };
}

function decisionOf(
  { adapter, now }: World,
  kind: Verdict,
  state: string,
  reason: string,
  message: string,
  exports: readonly ExportStatus[],
): Decision {
  const { generation } = adapter.metadata;
  const written: ConditionUpdate = { type: "Exported", status: kind === "Ready" ? "True" : "False", reason, message };
  const updates = [...verdict(kind, reason, message), written, verified(exports)];
  return {
    status: {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      conditions: updateConditions(adapter.status?.conditions, updates, { generation, now }),
      ...(exports.length === 0 ? {} : { exports: [...exports] }),
    },
    actions: [],
  };
}
