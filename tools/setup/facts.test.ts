import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupControllers, gatherFacts, parseAssignments, parseRoutes } from "./facts.ts";

test("os-release is read with and without quotes", () => {
  const release = parseAssignments('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n');
  assert.equal(release.get("ID"), "debian");
  assert.equal(release.get("VERSION_ID"), "12");
});

test("the routing table's little-endian addresses become dotted ones", () => {
  const text = "Iface\tDestination\tGateway\neth0\t00000000\t010200C0\nluthier0\t000012C6\t00000000\n";
  assert.deepEqual(parseRoutes(text), [
    { interface: "eth0", destination: "0.0.0.0" },
    { interface: "luthier0", destination: "198.18.0.0" },
  ]);
});

test("controllers are found in version 1, in version 2 and in a mixture", () => {
  const v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0";
  const v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0";
  assert.ok(cgroupControllers(v1, () => "").has("memory"));
  assert.deepEqual([...cgroupControllers(v2, () => "cpu memory pids\n")], ["cpu", "memory", "pids"]);
});

test("this machine's facts can be gathered", async () => {
  const facts = await gatherFacts(process.cwd());
  assert.equal(facts.architecture, process.arch);
  assert.ok(facts.memoryBytes > 2 ** 28 && facts.memoryBytes < 2 ** 50);
  assert.ok(facts.freeBytes.cache > 0);
});
