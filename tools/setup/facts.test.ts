import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupControllers, cgroupIsNested, gatherFacts, parseAssignments, parseRoutes } from "./facts.ts";
import { filesystemsOf } from "./space.ts";

test("os-release is parsed with and without quotes", () => {
  const release = parseAssignments('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n');
  assert.equal(release.get("ID"), "debian");
  assert.equal(release.get("VERSION_ID"), "12");
});

test("the routing table's little-endian addresses are converted to dotted ones", () => {
  const text = "Iface\tDestination\tGateway\neth0\t00000000\t010200C0\nluthier0\t000012C6\t00000000\n";
  assert.deepEqual(parseRoutes(text), [
    { interface: "eth0", destination: "0.0.0.0" },
    { interface: "luthier0", destination: "198.18.0.0" },
  ]);
});

test("controllers of control groups are found in version 1, in version 2 and in a mixture", () => {
  const v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0";
  const v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0";
  assert.ok(cgroupControllers(v1, () => "").has("memory"));
  assert.deepEqual([...cgroupControllers(v2, () => "cpu memory pids\n")], ["cpu", "memory", "pids"]);
});

const mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0";
const groups: [string, Record<string, string>, boolean][] = [
  ["the machine's own", { controllers: "cpu memory", subtree_control: "", procs: "1" }, false],
  ["a container's", { controllers: "cpu memory", subtree_control: "", procs: "1", type: "domain" }, true],
  [
    "a container's, handed on by its init",
    { controllers: "cpu memory", subtree_control: "memory cpu", procs: "", type: "domain" },
    false,
  ],
];
for (const [name, files, nested] of groups) {
  test(`a topmost control group that is ${name} is ${nested ? "" : "not "}in the way`, () => {
    const read = (file: string) => files[file.replace("/sys/fs/cgroup/cgroup.", "")] ?? "";
    assert.equal(cgroupIsNested(mounts, read), nested);
  });
}

test("needs are summed per filesystem", () => {
  const [first, ...others] = filesystemsOf([
    { what: "a", directory: "/no/such/directory", bytes: 1 },
    { what: "b", directory: "/", bytes: 2 },
    { what: "c", directory: "/proc/self", bytes: 3 },
  ]);
  assert.deepEqual(
    first?.needs.map(({ what }) => what),
    ["a", "b"],
  );
  assert.ok(first && first.freeBytes > 0);
  assert.equal(others.length, 1);
});

test("this machine's facts can be gathered", async () => {
  const facts = await gatherFacts(process.cwd(), [{ what: "a", directory: process.cwd(), bytes: 1 }]);
  assert.equal(facts.architecture, process.arch);
  assert.ok(facts.memoryBytes > 2 ** 28 && facts.memoryBytes < 2 ** 50);
  assert.ok((facts.filesystems[0]?.freeBytes ?? 0) > 0);
});
