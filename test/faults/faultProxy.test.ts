import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { startFaultProxy } from "./faultProxy.ts";

test("a client that ends while it sends does not stop the proxy, and the next client gets a response", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-proxy-"));
  const kubeconfig = path.join(directory, "kubeconfig");
  // No request reaches the API server here.
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "c",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "c", user: {} }],
      contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
    }),
  );
  const proxy = await startFaultProxy(
    kubeconfig,
    () => ({ kind: "answer", status: 503, done: false }),
    () => {},
  );
  t.after(() => {
    proxy.close();
    rmSync(directory, { recursive: true });
  });
  const { server } = JSON.parse(proxy.kubeconfig).clusters[0].cluster;
  const sending = request(server, { method: "POST" }).on("error", () => {});
  await new Promise((resolve) => sending.write("half", resolve));
  await new Promise((resolve) => sending.on("close", resolve).destroy());
  assert.equal((await fetch(server)).status, 503);
  assert.deepEqual(proxy.faults, ["503 instead of GET /"]);
});
