/** TLS before a server of a test, with a certificate of a private authority that openssl makes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { createServer } from "node:tls";
import { temporaryDirectory } from "./temporary.ts";

export interface TlsServer {
  /** Host and port. */
  address: string;
  /** File of the authority's certificate. */
  authority: string;
  /** The connections so far. */
  connections(): number;
}

/** Passes connections on to `upstream`. `names`: the certificate's, such as `DNS:hub.example` or `IP:10.0.0.1`. */
export async function serveTls(
  t: TestContext,
  upstream: string,
  names: string,
  host = "127.0.0.1",
): Promise<TlsServer> {
  const at = await temporaryDirectory(t);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8", cwd: at });
    assert.equal(status, 0, stderr);
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=private authority");
  openssl("req", ...newKey, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server");
  writeFileSync(`${at}/names`, `subjectAltName=${names}`);
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"];
  openssl("x509", "-req", "-in", "server.csr", ...signed, "-out", "server.crt");
  const { hostname, port } = new URL(upstream);
  const [key, cert] = [readFileSync(`${at}/server.key`), readFileSync(`${at}/server.crt`)];
  let connections = 0;
  const server = createServer({ key, cert }, (socket) => {
    connections++;
    const onward = connect(Number(port), hostname);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { address: `${host}:${address.port}`, authority: `${at}/ca.crt`, connections: () => connections };
}
