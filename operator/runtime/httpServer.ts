/**
 * The process's HTTP servers: /healthz and /readyz for the kubelet, and /metrics. Metrics are on the same port without
 * authorization, or on a port of their own over TLS, for those whom the API server allows to get /metrics.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import path from "node:path";
import type { Logger } from "pino";
import { type Access, type Authorizer, bearerToken } from "./authorization.ts";
import type { ControllerMetrics } from "./metrics.ts";

export interface Health {
  /** Is the process ready for work? /healthz needs no function: any response means healthy. */
  ready(): boolean;
}

export interface ServedMetrics {
  metrics: ControllerMetrics;
  log: Logger;
}

/** Listens on `port` of every address; 0 picks a free port. Without `served` it does not serve /metrics. */
export async function serveHttp(port: number, health: Health, served?: ServedMetrics): Promise<Server> {
  const server = createServer(async (request, response) => {
    const at = pathOf(request.url);
    if (at === "/healthz") response.writeHead(200).end("ok\n");
    else if (at === "/readyz")
      response.writeHead(health.ready() ? 200 : 503).end(health.ready() ? "ok\n" : "caches are not filled yet\n");
    else if (at === "/metrics" && served !== undefined) await sendMetrics(response, served);
    else response.writeHead(404).end("not found\n");
  });
  return listening(server, port);
}

export interface SecureMetrics extends ServedMetrics {
  port: number;
  /** Directory of tls.crt and tls.key, which may be replaced while the server runs. */
  certificates: string;
  authorizer: Authorizer;
}

const certificateAgeMs = 60_000;

export async function serveSecureMetrics(options: SecureMetrics): Promise<TlsServer> {
  const { certificates, log } = options;
  const read = () => {
    const [cert, key] = ["tls.crt", "tls.key"].map((name) => readFileSync(path.join(certificates, name), "utf8"));
    return { cert, key };
  };
  let current = read();
  const server = createTlsServer(current, authorized(options));
  const renewal = setInterval(() => {
    try {
      const next = read();
      if (next.cert === current.cert && next.key === current.key) return;
      server.setSecureContext(next);
      current = next;
      log.info("the certificate of /metrics is renewed");
    } catch (error) {
      log.warn({ error }, "the certificate of /metrics cannot be read; the earlier one stays");
    }
  }, certificateAgeMs).unref();
  server.once("close", () => clearInterval(renewal));
  return listening(server, options.port);
}

function authorized({ authorizer, metrics, log }: SecureMetrics): RequestListener {
  return async (request, response) => {
    if (pathOf(request.url) !== "/metrics") {
      response.writeHead(404).end("not found\n");
      return;
    }
    switch (await accessOf(request, { authorizer, log })) {
      case "Allowed":
        await sendMetrics(response, { metrics, log });
        return;
      case "Forbidden":
        response.writeHead(403).end("forbidden: get on /metrics is not granted to this user\n");
        return;
      case "Unauthenticated":
        response.writeHead(401).end("a valid bearer token is needed\n");
        return;
      case "Unknown":
        response.writeHead(503).end("the API server cannot check the token now\n");
        return;
    }
  };
}

/** Unknown: the API server did not answer. */
async function accessOf(
  { headers }: IncomingMessage,
  { authorizer, log }: Pick<SecureMetrics, "authorizer" | "log">,
): Promise<Access | "Unknown"> {
  const token = bearerToken(headers.authorization);
  if (token === undefined) return "Unauthenticated";
  try {
    return await authorizer.mayGet("/metrics", token);
  } catch (error) {
    log.warn({ error }, "the API server did not answer whether /metrics may be read");
    return "Unknown";
  }
}

const pathOf = (url: string | undefined) => url?.split("?")[0];

/** A metric that cannot be collected costs this answer only, not the process. */
async function sendMetrics(response: ServerResponse, { metrics, log }: ServedMetrics): Promise<void> {
  const { registry } = metrics;
  try {
    const text = await registry.metrics();
    response.writeHead(200, { "content-type": registry.contentType }).end(text);
  } catch (error) {
    log.error({ error }, "the metrics cannot be collected");
    response.writeHead(500).end("the metrics cannot be collected; the operator's log has the error\n");
  }
}

async function listening<S extends Server | TlsServer>(server: S, port: number): Promise<S> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, resolve);
  });
  return server;
}
