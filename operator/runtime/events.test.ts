import assert from "node:assert/strict";
import { json } from "node:stream/consumers";
import { test } from "node:test";
import type { EventsV1Event } from "@kubernetes/client-node";
import pino from "pino";
import { withServer } from "../testing/server.ts";
import { Client } from "./client.ts";
import { EventRecorder } from "./events.ts";

const regarding = { apiVersion: "v1", kind: "Pod", metadata: { name: "pod", namespace: "team", uid: "u" } };
const notes = [
  ["whole", "exact match 0.1 → 0.9", "exact match 0.1 → 0.9"],
  ["cut by the bytes that the API server counts", "→".repeat(400), "→".repeat(341)],
  ["cut between characters", `a${"🦙".repeat(300)}`, `a${"🦙".repeat(255)}`],
] as const;
for (const [how, message, expected] of notes) {
  test(`an Event's words are ${how}`, async () => {
    const sent: (string | undefined)[] = [];
    await withServer(
      async (request, response) => {
        const event = (await json(request)) as EventsV1Event;
        sent.push(event.note);
        response.end(JSON.stringify(event));
      },
      async (transport) => {
        const log = pino({ level: "silent" });
        const recorder = new EventRecorder({ client: new Client(transport), component: "c", instance: "i", log });
        await recorder.record(regarding, { type: "Normal", reason: "R", action: "A", message }, new Date(0));
      },
    );
    assert.deepEqual(sent, [expected]);
    assert.ok(Buffer.byteLength(expected) <= 1024);
  });
}
