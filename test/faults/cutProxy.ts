/**
 * A proxy in front of the real API server that ends its client at a write: before the write went out, or after it was
 * done and before the client heard of it. Each distinct write is cut once before and once after, then let pass; reads
 * and watches always pass.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as send } from "node:https";
import { buffer } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";

export type Cut = "before" | "after";

export interface CutProxy {
  /** The text of a kubeconfig that leads through the proxy. */
  kubeconfig: string;
  /** Every cut there was, in order: "before POST …/jobs". */
  cuts: string[];
  close(): void;
}

/** `onCut` ends the client; the answer of a cut write is never given. */
export async function startCutProxy(kubeconfig: string, onCut: (cut: Cut) => void): Promise<CutProxy> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: ConstructorParameters<typeof Agent>[0] = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key } = options;
  const upstream = { server: config.getCurrentCluster()!.server, agent: new Agent({ keepAlive: true, ca, cert, key }) };
  const seen = new Map<string, number>();
  const cuts: string[] = [];
  const decide = (request: IncomingMessage, body: Buffer): Cut | undefined => {
    if (request.method === "GET") return undefined;
    const write = identify(request, body);
    const times = (seen.get(write) ?? 0) + 1;
    seen.set(write, times);
    const cut = times === 1 ? "before" : times === 2 ? "after" : undefined;
    if (cut) cuts.push(`${cut} ${request.method} ${request.url?.split("?")[0]}`);
    return cut;
  };
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const cut = decide(request, body);
    if (cut === "before") return onCut(cut);
    forward(upstream, request, body, response, cut === "after" ? () => onCut(cut) : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { kubeconfig: kubeconfigOf(server), cuts, close: () => end(server, upstream.agent) };
}

/** The same write has the same identity after a restart: times and versions in it do not count. */
function identify({ method, url }: IncomingMessage, body: Buffer): string {
  const text = body
    .toString("utf8")
    .replaceAll(/\d{4}-\d\d-\d\dT[0-9:.]+Z/g, "")
    .replaceAll(/"(resourceVersion|uid)":"[^"]*"/g, "");
  return createHash("sha256").update(`${method} ${url}\n${text}`).digest("hex");
}

function forward(
  { server, agent }: { server: string; agent: Agent },
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  cutAfter: (() => void) | undefined,
): void {
  const { host: _, authorization: __, ...headers } = request.headers;
  const onward = send(new URL(request.url ?? "/", server), { agent, method: request.method, headers }, (answer) => {
    if (cutAfter) {
      answer.resume().on("end", cutAfter);
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    // A watch: its first bytes are the headers, which would wait for more.
    response.flushHeaders();
  });
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

function end(server: Server, agent: Agent): void {
  server.closeAllConnections();
  server.close();
  agent.destroy();
}
