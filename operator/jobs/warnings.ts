/**
 * What Events say of an object that does not get on: a mount that fails, a pod that cannot be made. I/O. Events are never
 * watched; they are read when nothing else explains a waiting.
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
  // A pod that has a node was refused by none since.
  const telling = items.filter(({ reason }) => reason !== "FailedScheduling");
  const [newest] = telling.sort((a, b) => (seenAt(a) < seenAt(b) ? 1 : -1));
  return newest && { reason: newest.reason ?? "Warning", message: (newest.message ?? "").replace(combined, "") };
}

/** What a recorder puts before a message that it has sent often. */
const combined = /^\(combined from similar events\): /;

function seenAt({ series, lastTimestamp, eventTime, metadata }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
}
