/** One Event for each transition of an object: when the reason of its condition Ready becomes another. I/O. */
import type { Condition } from "../api/common.ts";
import { findCondition } from "../api/conditions.ts";
import type { EventRecorder } from "../runtime/events.ts";
import type { KubeObject } from "../runtime/objects.ts";

interface Status {
  state?: string | undefined;
  conditions?: Condition[] | undefined;
}

/** `object` has the status that was; a status in which it is stalled is told as a warning. */
export async function tellTransition(
  events: EventRecorder,
  object: KubeObject & { status?: Status },
  { state = "Reconcile", conditions }: Status,
  now: Date,
): Promise<void> {
  const before = findCondition(object.status?.conditions, "Ready");
  const after = findCondition(conditions, "Ready");
  if (after === undefined || before?.reason === after.reason) return;
  const type = findCondition(conditions, "Stalled") ? "Warning" : "Normal";
  await events.record(object, { type, reason: after.reason, action: state, message: after.message }, now);
}
