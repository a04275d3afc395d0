/**
 * A proxy in front of the real API server that injects faults by a plan (plans.ts): it ends its client at a write, before the
 * server gets the write or after the server has executed it and before the client gets the response; it responds instead of
 * the server; it changes the object before a write, so that the real server finds the writer's view outdated; or it breaks a
 * stream in the middle of a frame, or makes it silent.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as send } from "node:https";
import { buffer } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";

export type Fault =
  | { kind: "cut"; when: "before" | "after" }
  /** `done`: the server executes the request, and the proxy replaces its response. */
  | { kind: "answer"; status: number; done: boolean; retryAfterSeconds?: number }
  | { kind: "touch" }
  /** For a watch: nothing passes after this time; `silent`: the connection stays open. */
  | { kind: "tear"; afterMs: number; silent: boolean };

export interface Asked {
  method: string;
  path: string;
  watch: boolean;
}

export type Plan = (asked: Asked) => Fault | undefined;

export interface FaultProxy {
  /** The text of a kubeconfig that uses the proxy. */
  kubeconfig: string;
  /** Every injected fault, in order: "cut before POST …/jobs". */
  faults: string[];
  close(): void;
}

interface Upstream {
  server: string;
  agent: Agent;
}

/** `end` ends the client; a cut request never gets a response. */
export async function startFaultProxy(kubeconfig: string, plan: Plan, end: () => void): Promise<FaultProxy> {
  const upstream = await upstreamOf(kubeconfig);
  const faults: string[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const asked = lineOf(request);
    const fault = plan(asked);
    if (fault) faults.push(`${faultText(fault)} ${asked.method} ${asked.path}`);
    await spoil(fault, { upstream, request, body, response, end });
  };
  // A client that is ended while it sends gets no response.
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { kubeconfig: kubeconfigOf(server), faults, close: () => close(server, upstream.agent) };
}

interface Exchange {
  upstream: Upstream;
  request: IncomingMessage;
  body: Buffer;
  response: ServerResponse;
  end: () => void;
}

async function spoil(fault: Fault | undefined, exchange: Exchange): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      return forward(exchange);
    case "cut":
      return fault.when === "before" ? exchange.end() : forward(exchange, once(exchange.end));
    case "answer":
      return fault.done
        ? forward(
            exchange,
            once(() => answer(exchange.response, fault)),
          )
        : answer(exchange.response, fault);
    case "touch":
      await touch(exchange);
      return forward(exchange);
    case "tear":
      return forward(exchange, torn(fault));
  }
}

function faultText(fault: Fault): string {
  switch (fault.kind) {
    case "cut":
      return `cut ${fault.when}`;
    case "touch":
      return "touched before";
    case "answer":
      return `${fault.status}${fault.done ? " after" : " instead of"}`;
    case "tear":
      return fault.silent ? "silence of" : "end of";
  }
}

function answer(response: ServerResponse, { status, retryAfterSeconds }: Fault & { kind: "answer" }): void {
  response.writeHead(status, retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) });
  response.end(JSON.stringify({ kind: "Status", code: status, reason: "Spoilt", message: "a fault was put here" }));
}

/** Acts as another writer, such as a user or a GitOps controller: an annotation changes the object's version. */
async function touch({ upstream, request }: Exchange): Promise<void> {
  const path = lineOf(request).path.replace(/\/status$/, "");
  const patch = JSON.stringify({
    metadata: { annotations: { "test.luthier.dev/touched": String(performance.now()) } },
  });
  const headers = { "content-type": "application/merge-patch+json", "user-agent": "toucher" };
  await new Promise<void>((resolve, reject) => {
    const onward = send(new URL(path, upstream.server), { agent: upstream.agent, method: "PATCH", headers }, (done) =>
      done.resume().on("end", resolve),
    );
    onward.on("error", reject).end(patch);
  });
}

function lineOf({ method = "", url = "" }: IncomingMessage): Asked {
  const [path = "", query] = url.split("?");
  return { method, path, watch: new URLSearchParams(query).get("watch") === "true" };
}

async function upstreamOf(kubeconfig: string): Promise<Upstream> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: ConstructorParameters<typeof Agent>[0] = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key } = options;
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`${kubeconfig} names no cluster`);
  return { server, agent: new Agent({ keepAlive: true, ca, cert, key }) };
}

/** Forwards a response to the client, with its fault. */
type Deliver = (answer: IncomingMessage, response: ServerResponse) => void;

const whole: Deliver = (answer, response) => {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(response);
  // If the server breaks off, the proxy does too.
  answer.on("error", () => response.destroy());
  // A watch: flush its headers, which would otherwise wait for more bytes.
  response.flushHeaders();
};

/** Discards the response; calls `then` once the request is executed. */
const once =
  (then: () => void): Deliver =>
  (answer, response) => {
    answer
      .resume()
      .on("end", then)
      .on("error", () => response.destroy());
  };

const torn =
  ({ afterMs, silent }: Fault & { kind: "tear" }): Deliver =>
  (answer, response) => {
    whole(answer, response);
    setTimeout(() => (silent ? answer.unpipe(response).resume() : response.destroy()), afterMs);
  };

function forward({ upstream: { server, agent }, request, body, response }: Exchange, deliver = whole): void {
  const { host: _, authorization: __, ...headers } = request.headers;
  const options = { agent, method: request.method, headers };
  const onward = send(new URL(request.url ?? "/", server), options, (answer) => deliver(answer, response));
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  onward.end(body);
}

function kubeconfigOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "proxy",
    clusters: [
      { name: "proxy", cluster: { server: `http://127.0.0.1:${address.port}`, "insecure-skip-tls-verify": true } },
    ],
    users: [{ name: "proxy", user: {} }],
    contexts: [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }],
  });
}

function close(server: Server, agent: Agent): void {
  server.closeAllConnections();
  server.close();
  agent.destroy();
}
