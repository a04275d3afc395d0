/**
 * Records Events: one for each transition, on its object. They are core/v1 Events with first and last time and count,
 * because kubectl describe sorts by the last time; their names sort by time too, for Events of the same second. If the
 * write of an Event fails, the operator logs that and does not retry: an Event is news, not state.
 */
import { createHash } from "node:crypto";
import type { CoreV1Event } from "@kubernetes/client-node";
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { timestamp } from "./clock.ts";
import { isAlreadyExists } from "./errors.ts";
import type { KubeObject, Resource, WireObject } from "./objects.ts";

type Event = WireObject<CoreV1Event>;
const events: Resource<Event> = { group: "", version: "v1", plural: "events", kind: "Event" };

/** Bytes of UTF-8, as the API server counts them. */
const longestNote = 1024;

export interface Note {
  type: "Normal" | "Warning";
  /** The cause, in CamelCase. */
  reason: string;
  /** The action, in CamelCase. */
  action: string;
  message: string;
}

export class EventRecorder {
  readonly #client: Client;
  readonly #component: string;
  readonly #instance: string;
  readonly #log: Logger;

  constructor(options: { client: Client; component: string; instance: string; log: Logger }) {
    this.#client = options.client;
    this.#component = options.component;
    this.#instance = options.instance;
    this.#log = options.log;
  }

  async record(regarding: KubeObject, note: Note, now: Date): Promise<void> {
    try {
      await this.#client.create(events, this.#event(regarding, note, now));
    } catch (error) {
      if (!isAlreadyExists(error)) this.#log.warn({ error, reason: note.reason }, "event not recorded");
    }
  }

  #event(regarding: KubeObject, note: Note, now: Date): Event {
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    const at = timestamp(now);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: eventName(regarding, note, now), namespace: namespace ?? "default" },
      eventTime: `${now.toISOString().slice(0, 23)}000Z`,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      type: note.type,
      reason: note.reason,
      action: note.action,
      message: cutBytes(note.message, longestNote),
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: this.#instance,
      involvedObject: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    };
  }
}

/** The same message at the same time gets the same Event name, whichever process records it. */
function eventName({ metadata: { name, uid } }: KubeObject, { reason, message }: Note, now: Date): string {
  const id = createHash("sha256").update([uid, reason, message].join("\n")).digest("hex").slice(0, 8);
  return `${name}.${now.getTime().toString(16).padStart(12, "0")}.${id}`;
}

/** Cuts between characters, never inside one. */
function cutBytes(text: string, bytes: number): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}
