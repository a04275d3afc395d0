/** The process's HTTP server: /healthz, /readyz and /metrics. */
import { createServer, type Server } from "node:http";
import type { ControllerMetrics } from "./metrics.ts";

export interface Health {
  /** Is the process ready for work? /healthz needs no function: any response means healthy. */
  ready(): boolean;
}

/** Listens on `port` of every address; 0 picks a free port. */
export async function serveHttp(port: number, health: Health, metrics: ControllerMetrics): Promise<Server> {
  const server = createServer(async (request, response) => {
    switch (request.url?.split("?")[0]) {
      case "/healthz":
        response.writeHead(200).end("ok\n");
        return;
      case "/readyz":
        response.writeHead(health.ready() ? 200 : 503).end(health.ready() ? "ok\n" : "caches are not filled yet\n");
        return;
      case "/metrics":
        response.writeHead(200, { "content-type": metrics.registry.contentType });
        response.end(await metrics.registry.metrics());
        return;
      default:
        response.writeHead(404).end("not found\n");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, resolve);
  });
  return server;
}
