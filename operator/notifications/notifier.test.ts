/** The webhook over HTTP: signed, retried, once for each event, and without the URL in the log. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import pino from "pino";
import { Registry } from "prom-client";
import { startProxy } from "../../test/stores/httpProxy.ts";
import { serveTls } from "../../trainer/testing/tlsServer.ts";
import { newCaches } from "../shared/caches.ts";
import { anAdapter, aPinnedJob, aRun } from "../testing/builders.ts";
import { Notifier } from "./notifier.ts";
import { signedHeaders, signingKey } from "./signature.ts";

test("a message is signed as the specification's example is", () => {
  const key = signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  assert.ok(key);
  const at = new Date(1614265330_000);
  const headers = signedHeaders(key, { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}', at });
  assert.deepEqual(headers, {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
  for (const wrong of ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_no base64"]) {
    assert.equal(signingKey(wrong), undefined, wrong);
  }
});

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const readyAt = Date.parse("2026-01-02T03:00:00Z");

interface Got {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** A receiver that answers with `codes` in turn, then 200, and a notifier of one ready job, `laterMs` after it was ready. */
async function webhook(
  t: TestContext,
  { codes = [] as number[], laterMs = 1000, url = "", key = secret, trusted = false, tls = false },
) {
  const got: Got[] = [];
  const answers = [...codes];
  const server = createServer(async (request, response) => {
    got.push({ headers: request.headers, body: await text(request) });
    response.writeHead(answers.shift() ?? 200, { location: "/elsewhere" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const directory = await mkdtemp(path.join(tmpdir(), "luthier-webhook-"));
  t.after(() => rm(directory, { recursive: true }));
  const plain = `127.0.0.1:${address.port}`;
  const secure = tls ? await serveTls(t, `http://${plain}`, "IP:127.0.0.1") : undefined;
  const receiver = secure === undefined ? `http://${plain}` : `https://${secure.address}`;
  await writeFile(path.join(directory, "url"), url || `${receiver}/hook?token=hidden\n`);
  await writeFile(path.join(directory, "signingKey"), key);
  const caches = newCaches();
  const one = aPinnedJob();
  const adapter = anAdapter(one, aRun(one), { promotedAt: "2026-01-02T03:00:00Z" });
  const lastTransitionTime = "2026-01-02T03:00:00Z";
  const ready = {
    type: "Ready",
    status: "True" as const,
    reason: "AdapterReady",
    message: "Words.",
    lastTransitionTime,
  };
  const status = { ...one.status, observedGeneration: 1, state: "Ready", conditions: [ready] };
  const promoted = { promotedAdapterRef: { name: adapter.metadata.name } };
  const put = (change: object, resourceVersion: string) =>
    caches.fineTuneJobs.set({
      ...one,
      metadata: { ...one.metadata, resourceVersion },
      status: { ...status, ...change },
    });
  caches.adapters.set(adapter);
  put(promoted, "1");
  let [log, now] = ["", readyAt + laterMs];
  const registry = new Registry();
  const notifier = new Notifier({
    ...{ caches, directory, clock: () => new Date(now), registry },
    certificates: secure !== undefined && trusted ? readFileSync(secure.authority, "utf8") : undefined,
    log: pino({}, { write: (line: string) => (log += line) }),
  });
  return {
    got,
    put,
    reconcile: () => notifier.reconcile("team/bot"),
    wait: (ms: number) => (now += ms),
    log: () => log,
    metrics: () => registry.metrics(),
  };
}

const typesOf = (got: readonly Got[]) => got.map(({ body }) => JSON.parse(body).type.split(".").at(-1));

test("each event is sent once, signed", async (t) => {
  const { got, reconcile, metrics } = await webhook(t, {});
  assert.deepEqual(await reconcile(), {});
  assert.deepEqual(await reconcile(), {});
  assert.deepEqual(typesOf(got), ["ready", "promoted"]);
  const [{ headers, body } = assert.fail()] = got;
  const signed = signedHeaders(signingKey(secret)!, { id: JSON.parse(body).id, body, at: new Date(readyAt + 1000) });
  assert.equal(headers["content-type"], "application/cloudevents+json; charset=utf-8");
  for (const [name, value] of Object.entries(signed)) assert.equal(headers[name], value);
  assert.match(await metrics(), /luthier_notifications_total\{type="ready",outcome="Delivered"\} 1/);
});

test("a receiver with a certificate of a private authority is reached through a proxy, if the authority is trusted", async (t) => {
  const proxy = await startProxy(t);
  const before = process.env.HTTPS_PROXY;
  process.env.HTTPS_PROXY = proxy.url;
  t.after(() => {
    if (before === undefined) delete process.env.HTTPS_PROXY;
    else process.env.HTTPS_PROXY = before;
  });
  const trusting = await webhook(t, { tls: true, trusted: true });
  assert.deepEqual(await trusting.reconcile(), {});
  assert.deepEqual(typesOf(trusting.got), ["ready", "promoted"]);
  assert.match(proxy.requests().join(), /\bCONNECT 127\.0\.0\.1:\d+/);
  const other = await webhook(t, { tls: true });
  assert.deepEqual(await other.reconcile(), { requeueAfterMs: 5000 });
  assert.deepEqual(other.got, []);
  assert.match(other.log(), /the receiver cannot be reached: (SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)/);
});

test("a refused event is retried with the same id, later and later, and the log has no URL", async (t) => {
  // A redirect is not followed.
  const { got, reconcile, wait, log } = await webhook(t, { codes: [500, 200, 302] });
  assert.deepEqual(await reconcile(), { requeueAfterMs: 5000 });
  wait(3_000_000);
  assert.deepEqual(await reconcile(), { requeueAfterMs: 900_000 });
  // Beyond an hour it is no news, but it is pending.
  wait(3_000_000);
  assert.deepEqual(await reconcile(), {});
  assert.deepEqual(typesOf(got), ["ready", "promoted", "ready", "ready"]);
  assert.equal(new Set(got.map(({ headers }) => headers["webhook-id"])).size, 2);
  assert.match(log(), /the receiver answered 500.*the receiver answered 302/s);
  assert.doesNotMatch(log(), /127\.0\.0\.1|hidden|whsec/);
});

test("an event is given up after a day", async (t) => {
  const { got, reconcile, wait } = await webhook(t, { codes: Array(9).fill(503) });
  await reconcile();
  wait(25 * 3_600_000);
  assert.deepEqual(await reconcile(), {});
  await reconcile();
  assert.equal(got.length, 4);
});

test("events from before the start are no news, but a later one is", async (t) => {
  const { got, put, reconcile } = await webhook(t, { laterMs: 2 * 3_600_000 });
  await reconcile();
  assert.deepEqual(got, []);
  const stalled = { reason: "Diverged", message: "Words.", lastTransitionTime: "2026-01-02T04:59:00Z" };
  put(
    {
      conditions: [
        { type: "Ready", status: "False", ...stalled },
        { type: "Stalled", status: "True", ...stalled },
      ],
    },
    "2",
  );
  await reconcile();
  assert.deepEqual(typesOf(got), ["stalled"]);
});

const wrong: [string, { url?: string; key?: string }, RegExp][] = [
  ["a URL of another scheme", { url: "file:///etc/passwd" }, /key url is not an http or https URL/],
  ["a key that is too short", { key: "whsec_c2hvcnQ=" }, /key signingKey is not whsec_ and 24 to 64 bytes/],
  ["a receiver that is not there", { url: "http://127.0.0.1:9/hidden" }, /cannot be reached: ECONNREFUSED/],
];
for (const [what, given, says] of wrong) {
  test(`${what} is reported, and the event waits`, async (t) => {
    const { got, reconcile, log } = await webhook(t, given);
    assert.equal((await reconcile()).requeueAfterMs, 5000);
    assert.deepEqual(got, []);
    assert.match(log(), says);
    assert.doesNotMatch(log(), /hidden|c2hvcnQ/);
  });
}
