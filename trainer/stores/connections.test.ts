/** The trainer's own requests through a real proxy process, to servers with a certificate of a private authority. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HubServer } from "../testing/hubServer.ts";
import { serveTls } from "../testing/tlsServer.ts";

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A proxy that sends every request to `address`; `lines` has the first line of each request. */
async function startProxy(t: TestContext, address = ""): Promise<{ url: string; lines: string[] }> {
  const child = spawn(process.execPath, [file("../testing/forwardProxy.ts"), address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill());
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve) => reader.once("line", resolve));
  reader.on("line", (line) => lines.push(line));
  return { url, lines };
}

const script = (uri: string, endpoint: string, totalMs: number) => `
  import { Stores } from ${JSON.stringify(new URL("stores.ts", import.meta.url).href)};
  const uri = ${JSON.stringify(uri)};
  const patience = { totalMs: ${totalMs}, firstPauseMs: 5, longestPauseMs: 50, silenceMs: 5000 };
  const locations = [{ uri, endpoint: ${JSON.stringify(endpoint)} }];
  const stores = new Stores({ patience, locations, log: (line) => console.error(line) });
  try {
    process.stdout.write(await stores.of(uri).read(uri));
  } catch (error) {
    console.error(error.reason + ": " + error.message);
    process.exitCode = error.code;
  }
`;

/** Reads a file in a separate process with these variables and no other proxy or certificate. */
async function read(uri: string, endpoint: string, env: Readonly<Record<string, string>>, totalMs = 2000) {
  const rest = Object.entries(process.env).filter(([name]) => !/proxy|cert|_CA_|^AWS_|^HF_/i.test(name));
  const child = spawn(process.execPath, ["--input-type=module", "-e", script(uri, endpoint, totalMs)], {
    env: { ...Object.fromEntries(rest), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, stdout, stderr };
}

async function startHub(t: TestContext): Promise<HubServer> {
  const hub = await HubServer.start([{ name: "acme/tiny", files: { "config.json": Buffer.from("{}\n") } }]);
  t.after(() => hub.close());
  return hub;
}

const uri = "hf://acme/tiny/config.json";

test("a hub with a certificate of a private authority is read through the proxy", async (t) => {
  const { address, authority } = await serveTls(t, (await startHub(t)).endpoint, "DNS:hub.example");
  const { url, lines } = await startProxy(t, address);
  const trusted: Readonly<Record<string, string>>[] = [
    { SSL_CERT_FILE: authority },
    { NODE_EXTRA_CA_CERTS: authority },
    { LUTHIER_CA_CERTIFICATES: readFileSync(authority, "utf8") },
  ];
  for (const env of trusted) {
    lines.length = 0;
    const { status, stdout, stderr } = await read(uri, "https://hub.example", { HTTPS_PROXY: url, ...env });
    assert.deepEqual([status, stdout, stderr], [0, "{}\n", ""]);
    assert.ok(lines.length > 0);
    assert.deepEqual([...new Set(lines)], ["CONNECT hub.example:443"]);
  }
});

test("a certificate that is untrusted or unreadable is reported at once and not retried", async (t) => {
  const { address } = await serveTls(t, (await startHub(t)).endpoint, "DNS:hub.example");
  const { url, lines } = await startProxy(t, address);
  const untrusted = await read(uri, "https://hub.example", { HTTPS_PROXY: url }, 60_000);
  assert.equal(untrusted.status, 20);
  assert.match(untrusted.stderr, /^CertificateUntrusted: .*hub\.example.*SSL_CERT_FILE/);
  assert.equal(lines.length, 1);
  const absent = await read(uri, "https://hub.example", { HTTPS_PROXY: url, SSL_CERT_FILE: "/none.pem" }, 60_000);
  assert.deepEqual([absent.status, /SSL_CERT_FILE.*\/none\.pem/.test(absent.stderr)], [20, true]);
});

test("plain HTTP goes through a proxy without a tunnel, and $NO_PROXY bypasses the proxy", async (t) => {
  const hub = await startHub(t);
  const { url, lines } = await startProxy(t, new URL(hub.endpoint).host);
  const env = { http_proxy: url };
  const { status, stdout, stderr } = await read(uri, "http://hub.example", env);
  assert.deepEqual([status, stdout], [0, "{}\n"], stderr);
  assert.ok(lines.every((line) => line.startsWith("GET http://hub.example/")) && lines.length > 0, String(lines));
  lines.length = 0;
  const direct = await read(uri, "http://hub.invalid", { ...env, NO_PROXY: ".invalid" }, 100);
  assert.equal(direct.status, 24);
  assert.match(direct.stderr, /no answer from hub\.invalid: getaddrinfo/);
  assert.deepEqual(lines, []);
  assert.equal((await read(uri, hub.endpoint, env)).stdout, "{}\n", "loopback needs no proxy");
  assert.deepEqual(lines, []);
});

test("a bucket is reached through the proxy; a proxy that refuses is reported at once, without its password", async (t) => {
  const { url, lines } = await startProxy(t);
  const proxy = url.replace("http://", "http://me:hidden@");
  const { status, stderr } = await read("s3://bucket/a", "https://s3.example", { HTTPS_PROXY: proxy }, 300);
  assert.equal(status, 24);
  const [first, last] = [stderr.split("\n")[0] ?? "", stderr.trim().split("\n").at(-1) ?? ""];
  const host = new URL(url).host;
  assert.match(
    first,
    /^s3:\/\/bucket\/a: no answer from s3\.example through the proxy .*502.*; retrying for up to 1 s$/,
  );
  assert.ok(first.includes(host));
  assert.match(last, /^StoreUnreachable: /);
  assert.equal(stderr.includes("hidden"), false);
  assert.deepEqual([...new Set(lines)], ["CONNECT s3.example:443"]);
});

test("an invalid proxy is refused with the name of its variable", async () => {
  const { status, stderr } = await read(uri, "https://hub.example", { HTTPS_PROXY: "ftp://me:hidden@proxy" });
  assert.equal(status, 20, stderr);
  assert.match(stderr, /ProxyInvalid: .*HTTPS_PROXY/);
  assert.equal(stderr.includes("hidden"), false);
});
