/** The environment that a program gets from the launcher. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const directory = mkdtempSync(path.join(tmpdir(), "luthier-environment-"));
after(() => rmSync(directory, { recursive: true }));
const program = path.join(directory, "show.ts");
writeFileSync(program, "process.stdout.write(JSON.stringify(process.env));");
const own = path.join(directory, "own.pem");
writeFileSync(own, "-----BEGIN CERTIFICATE-----\nown\n-----END CERTIFICATE-----");

/** Starts the launcher with only these variables. */
function launch(env: Record<string, string>) {
  const launcher = fileURLToPath(new URL("node24.mjs", import.meta.url));
  const base = { PATH: process.env.PATH ?? "", HOME: directory };
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, program], {
    encoding: "utf8",
    env: { ...base, ...env },
  });
  return { status, stderr, seen: (): Record<string, string> => JSON.parse(stdout) };
}

const variables = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"];

for (const name of variables) {
  test(`every program gets the certificate in ${name} in addition to the system's`, () => {
    const seen = launch({ [name]: own }).seen();
    const [file = "", ...others] = new Set(variables.map((each) => seen[each]));
    assert.deepEqual(others, []);
    assert.match(readFileSync(file, "utf8"), /^own$/m);
  });
}

test("the error for an unreadable certificate file names the file and its variable", () => {
  const { status, stderr } = launch({ PIP_CERT: "/no/such.pem" });
  assert.equal(status, 1);
  assert.match(stderr, /PIP_CERT names \/no\/such\.pem, which cannot be read \(ENOENT\)/);
});

test("proxies are passed on under both spellings, and a proxy set in both is unchanged", () => {
  const seen = launch({
    HTTPS_PROXY: "http://a:1",
    no_proxy: "internal",
    http_proxy: "http://b:1",
    HTTP_PROXY: "http://c:1",
  }).seen();
  const names = ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"];
  const expected = ["http://a:1", "http://a:1", "internal", "internal", "http://b:1", "http://c:1"];
  assert.deepEqual(
    names.map((name) => seen[name]),
    expected,
  );
});

test("without certificates and proxies no variable is added", () => {
  const seen = launch({}).seen();
  assert.deepEqual(
    Object.keys(seen).filter((name) => /proxy|cert|ca_bundle/i.test(name)),
    [],
  );
});
