/**
 * A training whose base is in a hub, and whose data and artifacts are in a bucket, both with certificates of a private authority
 * and behind a proxy: tinyproxy and versitygw, as a company's network has them.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { luthier } from "../../cli/testing/process.ts";
import { HubServer } from "../../trainer/testing/hubServer.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { writeTinyModel } from "../../trainer/testing/tinyModel.ts";
import { serveTls } from "../../trainer/testing/tlsServer.ts";
import { account, startGateway } from "./gateway.ts";
import { startProxy } from "./httpProxy.ts";

/** An address of this machine that is not loopback, which no proxy is used for. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? assert.fail("no network");
}

test("a training reaches hub and bucket only through a proxy, and trusts a private authority's certificates", async (t) => {
  const directory = await temporaryDirectory(t);
  const host = ownAddress();
  await writeTinyModel(path.join(directory, "model"));
  const files = readdirSync(path.join(directory, "model")).map((name) => [
    name,
    readFileSync(path.join(directory, "model", name)),
  ]);
  const hub = await HubServer.start([{ name: "acme/tiny", files: Object.fromEntries(files) }], {
    host,
    pageFiles: 100,
  });
  t.after(() => hub.close());
  const gateway = await startGateway(path.join(directory, "s3"));
  t.after(() => gateway.stop());
  const names = `IP:${host}`;
  const tlsHub = await serveTls(t, hub.endpoint, names, host);
  const tlsFiles = await serveTls(t, hub.storageUrl, names, host);
  const tlsBucket = await serveTls(t, gateway.endpoint, names, host);
  const all = [tlsHub, tlsFiles, tlsBucket];
  // Large files are at another origin, as at the real hub.
  hub.storageUrl = `https://${tlsFiles.address}`;
  const rows = Array.from(
    { length: 20 },
    (_, n) => `${JSON.stringify({ prompt: `${n}?`, completion: n % 2 ? "odd" : "even" })}\n`,
  );
  mkdirSync(path.join(gateway.directory, "data"));
  writeFileSync(path.join(gateway.directory, "data/train.jsonl"), rows.join(""));
  const inBucket = (at: string) => ({ uri: `s3://${gateway.bucket}/${at}`, endpoint: `https://${tlsBucket.address}` });
  const spec = {
    baseModel: { uri: "hf://acme/tiny", endpoint: `https://${tlsHub.address}` },
    dataset: { sources: [inBucket("data/train.jsonl")], maxSequenceLength: 64 },
    method: { lora: { rank: 2 } },
    training: { maxSteps: 2, batchTokens: 128 },
    placement: { gpusPerNode: 0 },
    artifacts: inBucket("luthier"),
  };
  const job = { apiVersion: "luthier.dev/v1alpha1", kind: "FineTuneJob", metadata: { name: "tiny" }, spec };
  writeFileSync(path.join(directory, "job.json"), JSON.stringify(job));
  const proxy = await startProxy(t);
  const env = {
    ...{ ...account, HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, NO_PROXY: "", no_proxy: "", SSL_CERT_FILE: "" },
    LUTHIER_CA_CERTIFICATES: all.map(({ authority }) => readFileSync(authority, "utf8")).join(""),
  };
  const run = (change: Record<string, string> = {}) =>
    luthier(directory, ["run", "job.json", "--threads", "1", "--output", "json"], { env: { ...env, ...change } });

  const half = await run({ LUTHIER_CA_CERTIFICATES: readFileSync(tlsHub.authority, "utf8") });
  assert.equal(half.status, 20, half.stderr);
  assert.match(half.stderr, new RegExp(`CertificateUntrusted: .*${host}`));

  const { status, stdout, stderr } = await run();
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).training.steps, 2);
  const tunnels = proxy.requests().filter((one) => one.startsWith("CONNECT "));
  for (const { address } of all) assert.ok(tunnels.includes(`CONNECT ${address}`), tunnels.join());
  // Nothing came past the proxy; some of its tunnels ended because the client refused the certificate.
  const connections = all.reduce((sum, one) => sum + one.connections(), 0);
  assert.ok(connections > 0 && tunnels.length >= connections, `${connections} ${tunnels.join()}`);
});
