import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startStoreProxy } from "./storeProxy.ts";

test("a server that breaks off in an answer is a connection that breaks off, and no end of the tests", async (t) => {
  const server = createServer((_, response) => response.write("half", () => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await startStoreProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    proxy.close();
    server.close();
  });
  await assert.rejects(fetch(proxy.endpoint));
});

test("who goes away while it sends is not answered, and the next one is", async (t) => {
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
