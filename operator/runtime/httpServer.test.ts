/** The HTTP servers over real connections and TLS; the API server's reviews are answered by a server of the test. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { json, text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { Gauge } from "prom-client";
import { withServer } from "../testing/server.ts";
import { Authorizer } from "./authorization.ts";
import { serveHttp, serveSecureMetrics } from "./httpServer.ts";
import { ControllerMetrics } from "./metrics.ts";
import { isRecord } from "./objects.ts";

const log = pino({ level: "silent" });

function portOf(server: Server | Awaited<ReturnType<typeof serveSecureMetrics>>): number {
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

test("the plain port serves health, and metrics only where no other port does", async (t) => {
  const metrics = new ControllerMetrics();
  for (const [served, status] of [
    [metrics, 200],
    [undefined, 404],
  ] as const) {
    const server = await serveHttp(0, { ready: () => served !== undefined }, served && { metrics: served, log });
    t.after(() => server.close());
    const at = `http://127.0.0.1:${portOf(server)}`;
    const statuses = await Promise.all(["/healthz", "/readyz", "/metrics"].map(async (path) => fetch(at + path)));
    assert.deepEqual(
      statuses.map((response) => response.status),
      [200, served === undefined ? 503 : 200, status],
    );
  }
});

function certificate(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-test-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "tls.key"];
  const named = ["-out", "tls.crt", "-subj", "/CN=metrics", "-addext", "subjectAltName=DNS:metrics"];
  const { status, stderr } = spawnSync("openssl", ["req", "-x509", ...key, ...named], { cwd: directory });
  assert.equal(status, 0, String(stderr));
  return directory;
}

/** The status of GET with these headers, over TLS that trusts only the certificate in `directory`. */
async function get(port: number, directory: string, at: string, authorization?: string): Promise<[number, string]> {
  const ca = readFileSync(path.join(directory, "tls.crt"));
  const headers = authorization === undefined ? {} : { authorization };
  const options = { host: "127.0.0.1", port, path: at, ca, servername: "metrics", headers, agent: false };
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request(options, resolve).once("error", reject).end();
  });
  return [response.statusCode ?? 0, await text(response)];
}

test("metrics over TLS are for those whom the API server allows, and each token is reviewed once a minute", async (t) => {
  const directory = certificate(t);
  const reviews: unknown[] = [];
  await withServer(
    async (request, response) => {
      const body = await json(request);
      assert.ok(isRecord(body) && isRecord(body.spec));
      reviews.push([request.url, body.spec]);
      const { token, user } = body.spec;
      if (token === "unreachable") response.writeHead(500).end("{}");
      else if (body.kind === "TokenReview") {
        const name = { scraper: "prometheus", tenant: "somebody" }[String(token)];
        const status = {
          authenticated: name !== undefined,
          user: { username: name, groups: ["system:authenticated"] },
        };
        response.end(JSON.stringify({ status }));
      } else response.end(JSON.stringify({ status: { allowed: user === "prometheus" } }));
    },
    async (transport) => {
      const authorizer = new Authorizer(transport);
      const metrics = new ControllerMetrics();
      const server = await serveSecureMetrics({ port: 0, certificates: directory, authorizer, metrics, log });
      t.after(() => server.close());
      const ask = (authorization?: string, at = "/metrics") => get(portOf(server), directory, at, authorization);
      const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked))[0];
      assert.match((await ask("Bearer scraper"))[1], /^process_cpu_seconds_total /m);
      assert.equal(await statusOf("Bearer scraper"), 200);
      assert.deepEqual(reviews, [
        ["/apis/authentication.k8s.io/v1/tokenreviews", { token: "scraper" }],
        [
          "/apis/authorization.k8s.io/v1/subjectaccessreviews",
          {
            user: "prometheus",
            groups: ["system:authenticated"],
            nonResourceAttributes: { path: "/metrics", verb: "get" },
          },
        ],
      ]);
      assert.equal(await statusOf("Bearer tenant"), 403);
      assert.equal(await statusOf("Bearer forged"), 401);
      const reviewed = reviews.length;
      assert.equal(await statusOf(), 401);
      assert.equal(await statusOf("Basic c2NyYXBlcjo="), 401);
      assert.equal(await statusOf("Bearer scraper", "/debug"), 404);
      assert.equal(reviews.length, reviewed);
      assert.equal(await statusOf("Bearer unreachable"), 503);
    },
  );
});

test("a metric that cannot be collected costs only the answer, and the log does not blame the API server", async (t) => {
  const directory = certificate(t);
  const lines: string[] = [];
  const logged = { log: pino({}, { write: (line: string) => void lines.push(line) }) };
  const metrics = new ControllerMetrics();
  const collect = () => {
    throw new Error("no such cache");
  };
  new Gauge({ name: "broken", help: "Fails at each scrape", registers: [metrics.registry], collect });
  await withServer(
    (request, response) => {
      const status = request.url?.includes("tokenreviews") ? { authenticated: true, user: {} } : { allowed: true };
      response.end(JSON.stringify({ status }));
    },
    async (transport) => {
      const authorizer = new Authorizer(transport);
      const secure = await serveSecureMetrics({ port: 0, certificates: directory, authorizer, metrics, ...logged });
      const plain = await serveHttp(0, { ready: () => true }, { metrics, ...logged });
      t.after(() => [secure, plain].map((server) => server.close()));
      const [status, answer] = await get(portOf(secure), directory, "/metrics", "Bearer scraper");
      assert.deepEqual([status, /cannot be collected/.test(answer)], [500, true]);
      const at = `http://127.0.0.1:${portOf(plain)}`;
      assert.equal((await fetch(`${at}/metrics`)).status, 500);
      assert.equal((await fetch(`${at}/healthz`)).status, 200);
    },
  );
  assert.equal(lines.length, 2);
  for (const line of lines) {
    assert.match(line, /the metrics cannot be collected/);
    assert.doesNotMatch(line, /API server/);
  }
});
