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

test("a machine with all that is needed has nothing against it", () => {
  assert.deepEqual(preflight(machine(), everything), []);
});

const refused: [string, Partial<MachineFacts>, RegExp, RegExp][] = [
  ["another processor", { architecture: "arm64" }, /arm64/, /x86-64/],
  ["no AVX2", { cpuFlags: new Set(["sse2", "fma"]) }, /AVX2/, /virtual machine/],
  ["little memory", { memoryBytes: 4 * GIB }, /4\.0 GiB of memory; .* need 6 GiB/, /--no-cluster/],
  [
    "less free than is still to be written",
    { filesystems: [{ freeBytes: 3.5 * GIB, needs: [modules, compiled] }] },
    /3\.5 GiB free, and 4\.0 GiB still to be written: Go modules, 1\.0 GiB in \/home\/go; Go's build cache, 3\.0 GiB/,
    /LUTHIER_CACHE, GOCACHE and GOMODCACHE/,
  ],
  [
    "a checkout that root has worked in",
    { foreign: ["/home/someone/luthier/.luthier"] },
    /\.luthier belongs to another user/,
    /sudo chown -R "\$\(id -un\)" \/home\/someone\/luthier/,
  ],
  ["a container's own control groups", { cgroupIsNested: true }, /hand controllers on/, /--privileged --cgroupns=host/],
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
  test(`refused: ${name}, with a way out`, () => {
    const [finding, ...rest] = preflight(machine(changes), everything);
    assert.equal(finding?.severity, "error");
    assert.match(finding?.problem ?? "", problem);
    assert.match(finding?.remedy ?? "", remedy);
    assert.deepEqual(rest, []);
  });
}

test("a machine's kernel keeps some of its memory: one of 6 GiB is enough for a cluster, one of 2 GiB without", () => {
  assert.deepEqual(preflight(machine({ memoryBytes: 5.7 * GIB }), everything), []);
  assert.deepEqual(preflight(machine({ memoryBytes: 1.9 * GIB }), ["native"]), []);
  const [finding] = preflight(machine({ memoryBytes: GIB }), ["native"]);
  assert.match(finding?.problem ?? "", /1\.0 GiB of memory; .* need 2 GiB/);
});

test("without a cluster neither root nor namespaces nor much memory are asked for", () => {
  const small = machine({ root: false, namespaces: "only root", memoryBytes: 2 * GIB, cgroupControllers: new Set() });
  assert.deepEqual(preflight(small, ["native"]), []);
});

test("images need root and nothing else that a cluster needs", () => {
  const small = { memoryBytes: 2 * GIB, cgroupControllers: new Set<string>(), cgroupIsNested: true };
  assert.deepEqual(preflight(machine(small), ["images"]), []);
  const [finding] = preflight(machine({ root: false, namespaces: "only root" }), ["native", "images"]);
  assert.equal(finding?.problem, "building images needs root");
});

test("a full disk is in nobody's way once everything is written", () => {
  assert.deepEqual(preflight(machine({ filesystems: [] }), everything), []);
});

test("a running cluster's own route is not in its way", () => {
  assert.deepEqual(
    preflight(machine({ routes: [{ destination: "198.18.3.0", interface: "luthier3" }] }), everything),
    [],
  );
});

test("another distribution and no apt are warnings, after the errors", () => {
  const found = preflight(
    machine({ distribution: { id: "fedora", version: "43" }, hasApt: false, root: false }),
    everything,
  );
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ["error", "warning", "warning"],
  );
});
