import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { Client } from "../runtime/client.ts";
import { withServer } from "../testing/server.ts";
import { newCaches, newReflectors } from "./caches.ts";

test("the operator watches Jobs and pods by label, and no Events", async () => {
  const asked = new Map<string, string | null>();
  const answer = JSON.stringify({ metadata: { resourceVersion: "1" }, items: [] });
  await withServer(
    (request, response) => {
      const url = new URL(request.url ?? "", "http://server");
      asked.set(url.pathname.split("/").at(-1) ?? "", url.searchParams.get("labelSelector"));
      response.setHeader("content-type", "application/json").end(url.searchParams.has("watch") ? "" : answer);
    },
    async (transport) => {
      const stop = new AbortController();
      const reflectors = newReflectors(newCaches(), new Client(transport), undefined, pino({ level: "silent" }));
      const running = reflectors.map((reflector) => reflector.run(stop.signal));
      await Promise.all(reflectors.map((reflector) => reflector.synced));
      stop.abort();
      await Promise.all(running);
    },
  );
  const ours = "app.kubernetes.io/managed-by=luthier-operator";
  assert.deepEqual([...asked].sort(), [
    ["adapters", null],
    ["finetunejobs", null],
    ["finetuneruns", null],
    ["jobs", ours],
    ["pods", ours],
  ]);
});
