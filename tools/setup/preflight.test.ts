import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineFacts } from "./facts.ts";
import type { Purpose } from "./packages.ts";
import { preflight } from "./preflight.ts";

const GIB = 2 ** 30;
const modules = { what: "Go modules", directory: "/home/go", bytes: GIB };
const compiled = { what: "Go's build cache", directory: "/home/cache", bytes: 3 * GIB };

function machine(changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    root: true,
    distribution: { id: "debian", version: "12" },
    architecture: "x64",
    cpuFlags: new Set(["avx2", "fma"]),
    memoryBytes: 16 * GIB,
    filesystems: [{ freeBytes: 40 * GIB, needs: [modules, compiled] }],
    hasApt: true,
    namespaces: undefined,
    cgroupControllers: new Set(["cpu", "memory", "pids"]),
    cgroupIsNested: false,
    routes: [{ destination: "0.0.0.0", interface: "eth0" }],
    checkout: "/home/someone/luthier",
    foreign: [],
    ...changes,
  };
}

const everything: Purpose[] = ["native", "cluster", "images"];

test("a machine that meets all requirements has no findings", () => {
  assert.deepEqual(preflight(machine(), everything), []);
});

const refused: [string, Partial<MachineFacts>, RegExp, RegExp][] = [
  ["another processor", { architecture: "arm64" }, /arm64/, /x86-64/],
  ["no AVX2", { cpuFlags: new Set(["sse2", "fma"]) }, /AVX2/, /virtual machine/],
  ["little memory", { memoryBytes: 4 * GIB }, /4\.0 GiB of memory; .* need 6 GiB/, /--no-cluster/],
  [
    "too little free space",
    { filesystems: [{ freeBytes: 3.5 * GIB, needs: [modules, compiled] }] },
    /3\.5 GiB free, and 4\.0 GiB still to be written: Go modules, 1\.0 GiB in \/home\/go; Go's build cache, 3\.0 GiB/,
    /LUTHIER_CACHE, GOCACHE and GOMODCACHE/,
  ],
  [
    "a checkout with files of another user",
    { foreign: ["/home/someone/luthier/.luthier"] },
    /\.luthier belongs to another user/,
    /sudo chown -R "\$\(id -un\)" \/home\/someone\/luthier/,
  ],
  [
    "a container's own control groups",
    { cgroupIsNested: true },
    /delegate controllers/,
    /--privileged --cgroupns=host/,
  ],
  ["no root", { root: false, namespaces: "only root" }, /needs root/, /--local/],
  ["no namespaces", { namespaces: "unshare failed: Operation not permitted" }, /Operation not permitted/, /privileged/],
  ["no memory controller", { cgroupControllers: new Set(["cpu", "pids"]) }, /lack memory$/, /\/sys\/fs\/cgroup/],
  [
    "a foreign route",
    { routes: [{ destination: "198.18.0.0", interface: "tun0" }] },
    /198\.18\.0\.0 over tun0/,
    /remove the route/,
  ],
  ["a checkout under /run", { checkout: "/run/user/0/luthier" }, /below \/run/, /elsewhere/],
];
for (const [name, changes, problem, remedy] of refused) {
  test(`${name} is an error with a fix`, () => {
    const [finding, ...rest] = preflight(machine(changes), everything);
    assert.equal(finding?.severity, "error");
    assert.match(finding?.problem ?? "", problem);
    assert.match(finding?.remedy ?? "", remedy);
    assert.deepEqual(rest, []);
  });
}

test("6 GiB with the kernel's share are enough for a cluster, and 2 GiB without one", () => {
  assert.deepEqual(preflight(machine({ memoryBytes: 5.7 * GIB }), everything), []);
  assert.deepEqual(preflight(machine({ memoryBytes: 1.9 * GIB }), ["native"]), []);
  const [finding] = preflight(machine({ memoryBytes: GIB }), ["native"]);
  assert.match(finding?.problem ?? "", /1\.0 GiB of memory; .* need 2 GiB/);
});

test("without a cluster neither root nor namespaces nor much memory are required", () => {
  const small = machine({ root: false, namespaces: "only root", memoryBytes: 2 * GIB, cgroupControllers: new Set() });
  assert.deepEqual(preflight(small, ["native"]), []);
});

test("images need root, but no other requirement of a cluster", () => {
  const small = { memoryBytes: 2 * GIB, cgroupControllers: new Set<string>(), cgroupIsNested: true };
  assert.deepEqual(preflight(machine(small), ["images"]), []);
  const [finding] = preflight(machine({ root: false, namespaces: "only root" }), ["native", "images"]);
  assert.equal(finding?.problem, "building images needs root");
});

test("a full disk is no problem once everything is written", () => {
  assert.deepEqual(preflight(machine({ filesystems: [] }), everything), []);
});

test("the route of a running cluster is not a conflict", () => {
  assert.deepEqual(
    preflight(machine({ routes: [{ destination: "198.18.3.0", interface: "luthier3" }] }), everything),
    [],
  );
});

test("another distribution and a missing apt are warnings, listed after the errors", () => {
  const found = preflight(
    machine({ distribution: { id: "fedora", version: "43" }, hasApt: false, root: false }),
    everything,
  );
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ["error", "warning", "warning"],
  );
});
