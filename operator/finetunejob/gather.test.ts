/** The nodes that the operator knows, read from a server in place of the API server. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import { Client } from "../runtime/client.ts";
import { ApiError } from "../runtime/errors.ts";
import { withServer } from "../testing/server.ts";
import { knownNodes } from "./gather.ts";

async function namesFrom(listener: RequestListener): Promise<string[]> {
  let names: string[] = [];
  await withServer(listener, async (transport) => {
    names = (await knownNodes(new Client(transport))).map(({ metadata }) => metadata.name);
  });
  return names;
}

test("the operator knows the nodes of all pages", async () => {
  const page = (name: string, next?: string) => ({ metadata: { continue: next }, items: [{ metadata: { name } }] });
  const names = await namesFrom((request, response) => {
    const more = request.url?.includes("continue=more");
    response.end(JSON.stringify(more ? page("b") : page("a", "more")));
  });
  assert.deepEqual(names, ["a", "b"]);
});

test("an operator that may not list nodes knows none; another error is not hidden", async () => {
  const answering = (status: number): RequestListener => {
    return (_, response) => response.writeHead(status).end(JSON.stringify({ kind: "Status", message: "refused" }));
  };
  assert.deepEqual(await namesFrom(answering(403)), []);
  await assert.rejects(namesFrom(answering(404)), (error) => error instanceof ApiError && error.status === 404);
});
