import assert from "node:assert/strict";
import { test } from "node:test";
import { codenameOf, downloadSettings, refuseSources, sourcesList } from "./base.ts";

test("the release's codename is read from os-release", () => {
  assert.equal(codenameOf("ID=debian\nVERSION_CODENAME=bookworm\n"), "bookworm");
  assert.equal(codenameOf('VERSION_CODENAME="noble"\n'), "noble");
  assert.throws(() => codenameOf("ID=alpine\n"), /Debian or Ubuntu/);
});

test("the base uses the distribution's repositories at the machine's own mirrors, and no others", () => {
  const targets = [
    "Debian|http://mirror.example/debian/|bookworm|main",
    "Debian|http://mirror.example/debian/|bookworm|main",
    "Google|https://packages.example/apt|sdk|main",
    "",
  ].join("\n");
  assert.equal(sourcesList(targets), "deb http://mirror.example/debian/ bookworm main\n");
});

test("without a repository of the distribution, the error lists the existing ones", () => {
  const targets = "Acme|https://apt.acme.example/debian/|bookworm|main\n|http://plain.example/|./|\n";
  assert.equal(sourcesList(targets), "");
  assert.throws(
    () => refuseSources(targets),
    /only https:\/\/apt\.acme\.example\/debian\/ \(Origin: Acme\), http:\/\/plain\.example\/ \(Origin: none\): add one/,
  );
});

test("proxies and certificates of apt are kept, its other settings are not", () => {
  const dump = [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::mirror.example::CAInfo "/etc/ssl/own.pem";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::http::Proxy "";',
    'Acquire::GzipIndexes "true";',
  ].join("\n");
  assert.deepEqual(downloadSettings(dump), [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::https::mirror.example::CAInfo "/etc/ssl/own.pem";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});
