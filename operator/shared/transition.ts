/** Records one Event for each transition of an object, which is a new reason of its condition Ready. I/O. */
import type { Condition } from "../api/common.ts";
import { findCondition } from "../api/conditions.ts";
import type { EventRecorder } from "../runtime/events.ts";
import type { KubeObject } from "../runtime/objects.ts";

interface Status {
  state?: string | undefined;
  conditions?: Condition[] | undefined;
}

/** `object` has the old status. Every reason outside the `calm` reasons needs a person and becomes a warning. */
export async function tellTransition(
  { events, calm }: { events: EventRecorder; calm: ReadonlySet<string> },
  object: KubeObject & { status?: Status },
  status: Status,
  now: Date,
): Promise<void> {
  const before = findCondition(object.status?.conditions, "Ready");
  const after = findCondition(status.conditions, "Ready");
  if (after === undefined || before?.reason === after.reason) return;
  const { reason, message } = after;
  await events.record(
    object,
    { type: eventType(status, calm), reason, action: status.state ?? "Reconcile", message },
    now,
  );
}

export function eventType({ conditions }: Status, calm: ReadonlySet<string>): "Normal" | "Warning" {
  const reason = findCondition(conditions, "Ready")?.reason ?? "";
  return findCondition(conditions, "Stalled") === undefined && calm.has(reason) ? "Normal" : "Warning";
}
