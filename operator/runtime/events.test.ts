import assert from "node:assert/strict";
import { json } from "node:stream/consumers";
import { test } from "node:test";
import type { CoreV1Event } from "@kubernetes/client-node";
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
  test(`an Event's message is ${how}`, async () => {
    const sent: (string | undefined)[] = [];
    await withServer(
      async (request, response) => {
        const event = (await json(request)) as CoreV1Event;
        sent.push(event.message);
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

test("Events sort by their last time, and Events of the same second by their names", async () => {
  const sent: CoreV1Event[] = [];
  await withServer(
    async (request, response) => {
      const event = (await json(request)) as CoreV1Event;
      assert.equal(request.url, "/api/v1/namespaces/team/events");
      sent.push(event);
      response.end(JSON.stringify(event));
    },
    async (transport) => {
      const log = pino({ level: "silent" });
      const recorder = new EventRecorder({ client: new Client(transport), component: "c", instance: "i", log });
      for (const [at, message] of ["z", "y", "x", "w"].entries()) {
        const note = { type: "Normal", reason: "R", action: "A", message } as const;
        await recorder.record(regarding, note, new Date(Date.parse("2026-01-02T03:04:05.999Z") + at));
      }
    },
  );
  const times = sent.map(({ firstTimestamp, lastTimestamp, count }) => [firstTimestamp, lastTimestamp, count]);
  const second = (at: string) => [at, at, 1] as unknown[];
  const [first, ...others] = ["2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"].map(second);
  assert.deepEqual(times, [first, ...others, ...others, ...others]);
  const names = sent.map(({ metadata }) => metadata.name ?? "");
  assert.deepEqual([...names].sort(), names);
});
