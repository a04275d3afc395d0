/** A server of one Lease that can stop responding, which a healthy API server does not. */
import type { RequestListener } from "node:http";
import type { Lease } from "../runtime/leader.ts";

/** One Lease over HTTP. Like the API server, it rejects a write with an old version. */
export class LeaseServer {
  lease: Lease | undefined;
  #version = 0;
  /** While true, the server accepts requests and never responds. */
  silent = false;

  put(lease: Lease): void {
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: `${++this.#version}` } };
  }

  readonly listener: RequestListener = async (request, response) => {
    if (this.silent) return;
    if (request.method === "GET") {
      response.writeHead(this.lease ? 200 : 404).end(JSON.stringify(this.lease ?? {}));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const written: Lease = JSON.parse(Buffer.concat(chunks).toString());
    const current = written.metadata.resourceVersion === this.lease?.metadata.resourceVersion;
    if (current) this.put(written);
    response.writeHead(current ? 200 : 409).end(JSON.stringify(this.lease));
  };
}
