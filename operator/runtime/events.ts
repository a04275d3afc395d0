/**
 * Events: one for each transition, on the object it happened to (events.k8s.io/v1). An Event that could not be written
 * is logged and forgotten: it is news, not state.
 */
import { createHash } from "node:crypto";
import type { EventsV1Event } from "@kubernetes/client-node";
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { isAlreadyExists } from "./errors.ts";
import type { KubeObject, Resource, WireObject } from "./objects.ts";

type Event = WireObject<EventsV1Event>;
const events: Resource<Event> = { group: "events.k8s.io", version: "v1", plural: "events", kind: "Event" };

/** Bytes of UTF-8, as the API server counts them. */
const longestNote = 1024;

export interface Note {
  type: "Normal" | "Warning";
  /** CamelCase: why. */
  reason: string;
  /** CamelCase: what was done. */
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
    const { name, namespace, uid } = regarding.metadata;
    // The same news of the same second is the same Event, whoever tells it.
    const id = createHash("sha256").update(
      [uid, note.reason, note.message, Math.floor(now.getTime() / 1000)].join("\n"),
    );
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${name}.${id.digest("hex").slice(0, 16)}`, namespace: namespace ?? "default" },
      eventTime: `${now.toISOString().slice(0, 23)}000Z`,
      type: note.type,
      reason: note.reason,
      action: note.action,
      note: cutBytes(note.message, longestNote),
      reportingController: this.#component,
      reportingInstance: this.#instance,
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(regarding.metadata.resourceVersion === undefined
          ? {}
          : { resourceVersion: regarding.metadata.resourceVersion }),
      },
    };
  }
}

/** No part of a character stays at the end. */
function cutBytes(text: string, bytes: number): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}
