/**
 * What an Adapter should do, given what is. Pure. One Job an export; Ready when every export was written, read back and
 * compared; an export that failed does not take the others with it.
 */

import type { AdapterSpec, ExportStatus } from "../api/adapter.ts";
import { updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import { exportJob, exportStatus } from "./exports.ts";
import type { Action, Decision, World } from "./world.ts";

export function decide(world: World): Decision {
  const { adapter, spec } = world;
  if (adapter.metadata.deletionTimestamp !== undefined) return { status: adapter.status ?? {}, actions: [] };
  if ("issue" in spec)
    return say(world, "Stalled", "Invalid", "InvalidSpec", spec.issue, adapter.status?.exports ?? [], []);
  const exports = world.exports.map((one) => exportStatus(statusOf(world, one.entry.name), one, spec));
  const actions = [
    ...world.staleJobs.map((job) => ({ kind: "deleteJob" as const, job })),
    ...jobActions(world, spec, exports),
  ];
  const failed = exports.find(({ state }) => state === "Failed");
  if (failed) {
    const message = `Export ${failed.name}: ${failed.message ?? ""}`;
    return say(world, "Stalled", "Failed", failed.reason ?? "ExportFailed", message, exports, actions);
  }
  const unfinished = exports.find(({ state }) => state !== "Ready");
  if (unfinished) {
    const message = `Export ${unfinished.name}: ${unfinished.message ?? "writing, reading back and comparing."}`;
    return say(world, "Reconciling", "Exporting", unfinished.reason ?? "Exporting", message, exports, actions);
  }
  const message =
    exports.length === 0 ? "The adapter is in the store." : `${exports.length} exports are written and verified.`;
  return say(world, "Ready", "Ready", "Exported", message, exports, actions);
}

/** Jobs to create for exports that have none, and to delete where the report was lost. */
function jobActions(world: World, spec: AdapterSpec, statuses: readonly ExportStatus[]): Action[] {
  return world.exports.flatMap((one, index): Action[] => {
    if (statuses[index]?.state !== "Pending") return [];
    if (one.state.kind === "Absent") return [{ kind: "createJob", job: exportJob(world.adapter, spec, one) }];
    return one.state.kind === "Succeeded" && one.job ? [{ kind: "deleteJob", job: one.job }] : [];
  });
}

function statusOf({ adapter }: World, name: string): ExportStatus | undefined {
  return adapter.status?.exports?.find((one) => one.name === name);
}

function say(
  { adapter, now }: World,
  kind: Verdict,
  state: string,
  reason: string,
  message: string,
  exports: readonly ExportStatus[],
  actions: readonly Action[],
): Decision {
  const { generation } = adapter.metadata;
  const exported = kind === "Ready" ? "True" : "False";
  const updates = [...verdict(kind, reason, message), { type: "Exported", status: exported, reason, message } as const];
  return {
    status: {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      conditions: updateConditions(adapter.status?.conditions, updates, { generation, now }),
      ...(exports.length === 0 ? {} : { exports: [...exports] }),
    },
    actions,
  };
}
