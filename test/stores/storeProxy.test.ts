import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startStoreProxy } from "./storeProxy.ts";

test("a response that the server breaks off is broken off for the client too, without an uncaught error", async (t) => {
  const server = createServer((_, response) => response.write("half", () => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await startStoreProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    proxy.close();
    server.close();
  });
  await assert.rejects(fetch(proxy.endpoint));
});

test("a client that disconnects while it sends gets no response, and the next client does", async (t) => {
  const server = createServer((_, response) => response.end("whole"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await startStoreProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    proxy.close();
    server.close();
  });
  const sending = request(proxy.endpoint, { method: "PUT" }).on("error", () => {});
  await new Promise((resolve) => sending.write("half", resolve));
  sending.destroy();
  assert.equal(await (await fetch(proxy.endpoint)).text(), "whole");
});
