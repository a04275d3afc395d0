import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { Client } from "../runtime/client.ts";
import { aPinnedJob, aRun, aSpec } from "../testing/builders.ts";
import { withServer } from "../testing/server.ts";
import { newCaches, newReflectors, placerOf, wantedBy } from "./caches.ts";

test("Jobs and pods are watched by label, and Events not at all", async () => {
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

const run = {
  ...aRun(aPinnedJob()),
  metadata: {
    ...aRun(aPinnedJob()).metadata,
    ownerReferences: ["first", "second"].map((name) => ({ apiVersion: "", kind: "FineTuneJob", name, uid: name })),
  },
};

for (const { name, first, placer, wanted } of [
  { name: "the one that asked first", first: {}, placer: "first", wanted: ["first", "second"] },
  { name: "the next when that is suspended", first: { suspend: true }, placer: "second", wanted: ["second"] },
  { name: "the next when that is being deleted", first: { deleted: true }, placer: "second", wanted: ["second"] },
  { name: "the next when that wants other settings", first: { run: "other" }, placer: "second", wanted: ["second"] },
  { name: "the next when that was made anew by its name", first: { uid: "new" }, placer: "second" },
]) {
  test(`a run that several want is placed by ${name}`, () => {
    const {
      suspend = false,
      deleted = false,
      run: uid = "run-uid",
      uid: own = "first",
    } = first as Record<string, never>;
    const caches = newCaches();
    const add = (job: string, jobUid: string, spec = aSpec(), ref = "run-uid", deletionTimestamp?: string) =>
      caches.fineTuneJobs.set({
        ...aPinnedJob(spec),
        metadata: { name: job, namespace: "team", uid: jobUid, ...(deletionTimestamp && { deletionTimestamp }) },
        status: { currentRunRef: { name: run.metadata.name, uid: ref } },
      });
    add("first", own, aSpec({ suspend }), uid, deleted ? "x" : undefined);
    add("second", "second");
    assert.equal(placerOf(caches, run), placer);
    assert.deepEqual(wantedBy(caches, run), wanted ?? ["first", "second"]);
  });
}

test("a run that nobody wants is placed by nobody", () => assert.equal(placerOf(newCaches(), run), undefined));
