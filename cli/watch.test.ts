/** `luthier watch` as a process, against a server that answers as the API server does. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const note = "Adapter bot-1 is trained. Set spec.promotion.adapterRef.name: bot-1 to promote it.";
const condition = (type: string) => ({
  ...{ type, status: "False", reason: "AwaitingPromotion", message: note },
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const job = {
  apiVersion: "luthier.dev/v1alpha1",
  kind: "FineTuneJob",
  metadata: { name: "bot", namespace: "team", generation: 1, uid: "u", resourceVersion: "1" },
  spec: {
    ...{ baseModel: { uri: "pvc://models/base" }, dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] } },
    ...{ method: { lora: {} }, promotion: { policy: "Manual" }, artifacts: { uri: "pvc://artifacts/luthier" } },
  },
  status: { observedGeneration: 1, state: "NotPromoted", conditions: [condition("Promoted"), condition("Ready")] },
};

test("luthier watch ends when the Adapter waits for a person to promote it", async (t) => {
  const server = createServer(({ url = "" }, response) => {
    const body = url.includes("/finetunejobs/bot")
      ? job
      : { apiVersion: "v1", kind: "PodList", metadata: {}, items: [] };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const kubeconfig = `${await temporaryDirectory(t)}/kubeconfig`;
  const named = (name: string, key: string, value: object) => [{ name, [key]: value }];
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "c" },
    clusters: named("c", "cluster", { server: `http://127.0.0.1:${address.port}`, "insecure-skip-tls-verify": true }),
    users: named("u", "user", { token: "secret" }),
    contexts: named("c", "context", { cluster: "c", user: "u", namespace: "team" }),
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const options = { env: { ...process.env, NO_PROXY: "*", no_proxy: "*" }, timeout: 60_000 };
  const watch = (...more: string[]) =>
    promisify(execFile)(process.execPath, [main, "watch", "bot", "--kubeconfig", kubeconfig, ...more], options);
  assert.equal((await watch()).stdout, `bot: ${note}\n`);
  assert.deepEqual(JSON.parse((await watch("--output", "json")).stdout), { name: "bot", kind: "unpromoted", note });
});
