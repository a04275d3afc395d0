/**
 * Reads the warning Events of a stuck object: a failed mount, a pod that cannot be created. I/O. The operator never watches
 * Events; it reads them when nothing else explains a wait.
 */
import type { CoreV1Event } from "@kubernetes/client-node";
import type { Client } from "../runtime/client.ts";
import type { KubeObject, Resource, WireObject } from "../runtime/objects.ts";
import type { Waiting } from "./waiting.ts";

type Event = WireObject<CoreV1Event>;

const events: Resource<Event> = { group: "", version: "v1", plural: "events", kind: "Event" };

/** The newest warning about an object; undefined when there is none. */
export async function newestWarning(client: Client, { metadata }: KubeObject): Promise<Waiting | undefined> {
  const { namespace, uid = "" } = metadata;
  const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
  const { items } = await client.list(events, { namespace, fieldSelector, limit: 100 });
  // Scheduling warnings are outdated once the pod has a node.
  const telling = items.filter(({ reason }) => reason !== "FailedScheduling");
  const [newest] = telling.sort((a, b) => (seenAt(a) < seenAt(b) ? 1 : -1));
  return newest && { reason: newest.reason ?? "Warning", message: (newest.message ?? "").replace(combined, "") };
}

/** Prefix that an Event recorder adds to a repeated message. */
const combined = /^\(combined from similar events\): /;

function seenAt({ series, lastTimestamp, eventTime, metadata }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
}
