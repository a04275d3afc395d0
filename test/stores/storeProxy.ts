/**
 * A proxy in front of a real S3 server that breaks exchanges: before the server receives a request, after it has executed the
 * request and before the client receives the response, in the middle of a response, or with changed bytes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export type StoreFault =
  /** The proxy responds itself; the server receives nothing. */
  | { kind: "answer"; status: number; body?: string }
  /** The connection is reset before the server receives the request. */
  | { kind: "reset" }
  /** The server executes the request, but the client gets no response. */
  | { kind: "lost" }
  /** The response breaks off after this many bytes. */
  | { kind: "cut"; after: number }
  /** The response stalls after this many bytes and the connection stays open. */
  | { kind: "silent"; after: number }
  /** One bit of the response's body is flipped. */
  | { kind: "flip" };

export interface Seen {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingMessage["headers"];
}

export interface StoreProxy {
  endpoint: string;
  /** Every received request, in order. */
  seen: Seen[];
  /** The fault of a request; undefined lets it pass. */
  decide: (request: Seen) => StoreFault | undefined;
  close(): void;
}

export async function startStoreProxy(upstream: string): Promise<StoreProxy> {
  // A client that disconnects while it sends gets no response.
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  const proxy: StoreProxy = { endpoint: "", seen: [], decide: () => undefined, close: () => end(server) };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    const seen = { method: request.method ?? "", path: request.url ?? "", headers: request.headers };
    proxy.seen.push(seen);
    const fault = proxy.decide(seen);
    if (fault?.kind === "answer") response.writeHead(fault.status).end(fault.body ?? "");
    else if (fault?.kind === "reset") request.socket.resetAndDestroy();
    else forward(upstream, request, body, response, fault);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

/** Forwards headers unchanged, because the signature covers the client's host. */
function forward(
  upstream: string,
  { method, url, headers, socket }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  fault: StoreFault | undefined,
): void {
  const onward = send(new URL(url ?? "/", upstream), { method, headers }, (answer) => {
    const deliver = (content: Buffer) => {
      if (fault?.kind === "lost") return socket.resetAndDestroy();
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      finish(response, content, fault);
    };
    // If the server breaks off, the proxy does too.
    buffer(answer).then(deliver, () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  onward.end(body);
}

function finish(response: ServerResponse, content: Buffer, fault: StoreFault | undefined): void {
  switch (fault?.kind) {
    case "cut":
      response.write(content.subarray(0, fault.after), () => response.destroy());
      return;
    case "silent":
      response.write(content.subarray(0, fault.after));
      return;
    case "flip":
      if (content.length > 0) content[content.length >> 1]! ^= 1;
  }
  response.end(content);
}

function end(server: Server): void {
  server.closeAllConnections();
  server.close();
}
