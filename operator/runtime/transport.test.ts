import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import { withServer } from "../testing/server.ts";
import { ApiError, isAlreadyExists, isConflict, WritesStoppedError } from "./errors.ts";
import { TokenBucket } from "./tokenBucket.ts";
import { retryDelayMs } from "./transport.ts";

const tooMany = (retryAfterMs?: number) => new ApiError(429, "TooManyRequests", "", retryAfterMs);
const retries = [
  { name: "429 is retried for a write", method: "POST", error: tooMany(), retried: true },
  { name: "503 is retried for a write", method: "PATCH", error: new ApiError(503, "", ""), retried: true },
  {
    name: "500 of a write is not retried: it may have happened",
    method: "POST",
    error: new ApiError(500, "", ""),
    retried: false,
  },
  { name: "500 of a read is retried", method: "GET", error: new ApiError(500, "", ""), retried: true },
  { name: "404 is not retried", method: "GET", error: new ApiError(404, "NotFound", ""), retried: false },
  { name: "a lost connection of a read is retried", method: "GET", error: new Error("ECONNRESET"), retried: true },
  {
    name: "a lost connection of a write is not retried",
    method: "POST",
    error: new Error("ECONNRESET"),
    retried: false,
  },
  { name: "stopped writes stay stopped", method: "GET", error: new WritesStoppedError(), retried: false },
] as const;

for (const { name, method, error, retried } of retries) {
  test(name, () => assert.equal(retryDelayMs(method, error, 1) !== undefined, retried));
}

test("the transport waits for the server's Retry-After", () => {
  assert.ok((retryDelayMs("POST", tooMany(2000), 1) ?? 0) >= 2000);
});

test("a Retry-After of an hour is left to the caller's back-off", () => {
  assert.equal(retryDelayMs("POST", tooMany(3_600_000), 1), undefined);
});

test("requests carry the token and are retried until the server is free", async () => {
  let calls = 0;
  const listener: RequestListener = (request, response) => {
    assert.equal(request.headers.authorization, "Bearer secret");
    calls++;
    if (calls < 3) response.writeHead(429, { "retry-after": "0" }).end("busy");
    else response.end('{"ok":true}');
  };
  await withServer(listener, async (transport) => {
    assert.deepEqual(await transport.json({ method: "POST", path: "/x", body: {} }), { ok: true });
  });
  assert.equal(calls, 3);
});

test("a Status object becomes an error with its reason", async () => {
  const status = { kind: "Status", reason: "AlreadyExists", message: "x exists" };
  await withServer(
    (_, response) => response.writeHead(409).end(JSON.stringify(status)),
    async (transport) => {
      const error = await transport.json({ method: "POST", path: "/x", body: {} }).catch((thrown: unknown) => thrown);
      assert.ok(isAlreadyExists(error) && !isConflict(error));
    },
  );
});

test("after stopWrites writes fail and reads continue", async () => {
  const methods: (string | undefined)[] = [];
  const listener: RequestListener = (request, response) => {
    methods.push(request.method);
    response.end("{}");
  };
  await withServer(listener, async (transport) => {
    transport.stopWrites();
    await assert.rejects(transport.json({ method: "DELETE", path: "/x" }), WritesStoppedError);
    await transport.json({ method: "GET", path: "/x" });
  });
  assert.deepEqual(methods, ["GET"]);
});

test("the transport checks right before each write and each retry whether this process may write", async () => {
  const methods: (string | undefined)[] = [];
  let leads = true;
  const listener: RequestListener = (request, response) => {
    methods.push(request.method);
    leads = false;
    response.writeHead(429, { "retry-after": "0" }).end();
  };
  await withServer(listener, async (transport) => {
    transport.writeOnlyWhile(() => leads);
    await assert.rejects(transport.json({ method: "PATCH", path: "/x", body: {} }), WritesStoppedError);
  });
  assert.deepEqual(methods, ["PATCH"]);
});

test("a burst passes at once and the rest at the rate; an aborted wait rejects at once", async () => {
  const bucket = new TokenBucket(100, 2);
  const started = performance.now();
  await Promise.all(Array.from({ length: 12 }, () => bucket.take()));
  const took = performance.now() - started;
  assert.ok(took > 90 && took < 1_000, `${took} ms`);
  const slow = new TokenBucket(0.01, 0);
  await assert.rejects(slow.take(AbortSignal.timeout(20)));
});

test("a silent stream ends with an error", async () => {
  await withServer(
    (_, response) => response.writeHead(200).write('{"a":1}\n'),
    async (transport) => {
      const lines: string[] = [];
      await assert.rejects(async () => {
        for await (const line of transport.lines({ method: "GET", path: "/watch" }, 200)) lines.push(line);
      });
      assert.deepEqual(lines, ['{"a":1}']);
    },
  );
});
