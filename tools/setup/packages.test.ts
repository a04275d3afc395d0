import assert from "node:assert/strict";
import { test } from "node:test";
import { isProgram, missingPackages } from "./packages.ts";

test("packages with missing programs are listed once each, in order", () => {
  const present = new Set(["cmake", "g++", "/usr/bin/containerd", "runc", "ip", "openssl", "strip"]);
  const missing = missingPackages(["native", "cluster", "images"], (proof) => present.has(proof), "");
  assert.deepEqual(missing, [
    "ninja-build",
    "containernetworking-plugins",
    "nftables",
    "buildah",
    "netavark",
    "mmdebstrap",
  ]);
});

test("a compiler in $CXX replaces g++", () => {
  assert.deepEqual(
    missingPackages(["native"], () => false, "clang++"),
    ["cmake", "ninja-build"],
  );
});

test("a program is found on the search path, at its path, and in the administrator's directories", () => {
  assert.ok(isProgram("sh"));
  assert.ok(isProgram("/bin/sh"));
  assert.ok(!isProgram("/etc/passwd"), "not executable");
  assert.ok(!isProgram("no-such-program-here"));
});
