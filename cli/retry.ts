/** The action that makes the operator retry a stalled FineTuneJob. Pure. The operator retries no fault of its inputs unasked. */
import { findCondition } from "../operator/api/conditions.ts";
import type { FineTuneJob, FineTuneRun } from "../operator/api/kinds.ts";

export type Retry =
  /** A new run of this name resumes from its last checkpoint. */
  | { readonly kind: "deleteRun"; readonly run: string }
  /** The inputs are read again. */
  | { readonly kind: "readInputs" }
  | { readonly kind: "export"; readonly adapter: string }
  | { readonly kind: "none"; readonly why: string };

/** `run`: the job's current run. */
export function retryOf({ metadata, status = {} }: FineTuneJob, run: FineTuneRun | undefined): Retry {
  const none = (why: string): Retry => ({ kind: "none", why });
  const stalled = findCondition(status.conditions, "Stalled");
  const current = status.observedGeneration === metadata.generation;
  if (!current) return none("the operator has not observed the last edit yet");
  if (stalled?.status !== "True") return none("it has not stalled");
  const { state, prepare } = status;
  const adapter = status.currentRunRef?.adapterName ?? status.promotedAdapterRef?.name;
  if (state === "ExportFailed" && adapter !== undefined) return { kind: "export", adapter };
  const failed = findCondition(run?.status?.conditions, "Succeeded")?.status === "False";
  if (run !== undefined && (failed || stalled.reason === "AdapterDeleted")) {
    return { kind: "deleteRun", run: run.metadata.name };
  }
  const unread = findCondition(status.conditions, "InputsResolved")?.status === "False";
  if (unread && prepare?.outcome === "Failed") return { kind: "readInputs" };
  return none(`a retry does not help: ${stalled.message}`);
}
