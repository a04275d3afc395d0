import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineFacts } from "./facts.ts";
import type { Purpose } from "./packages.ts";
import { preflight } from "./preflight.ts";

const GIB = 2 ** 30;

function machine(changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    root: true,
    distribution: { id: "debian", version: "12" },
    architecture: "x64",
    cpuFlags: new Set(["avx2", "fma"]),
    memoryBytes: 16 * GIB,
    freeBytes: { cache: 40 * GIB, checkout: 40 * GIB },
    hasApt: true,
    namespaces: undefined,
    cgroupControllers: new Set(["cpu", "memory", "pids"]),
    routes: [{ destination: "0.0.0.0", interface: "eth0" }],
    checkout: "/home/someone/luthier",
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
  ["little memory", { memoryBytes: 4 * GIB }, /4\.0 GiB of memory/, /--no-cluster/],
  [
    "a full disk at the checkout",
    { freeBytes: { cache: 40 * GIB, checkout: GIB } },
    /1\.0 GiB free where the checkout/,
    /larger disk/,
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
  test(`refused: ${name}, with a way out`, () => {
    const [finding, ...rest] = preflight(machine(changes), everything);
    assert.equal(finding?.severity, "error");
    assert.match(finding?.problem ?? "", problem);
    assert.match(finding?.remedy ?? "", remedy);
    assert.deepEqual(rest, []);
  });
}

test("without a cluster neither root nor namespaces nor much memory are asked for", () => {
  const small = machine({ root: false, namespaces: "only root", memoryBytes: 2 * GIB, cgroupControllers: new Set() });
  assert.deepEqual(preflight(small, ["native"]), []);
});

test("a running cluster's own route is not in its way", () => {
  assert.deepEqual(
    preflight(machine({ routes: [{ destination: "198.18.3.0", interface: "luthier3" }] }), everything),
    [],
  );
});

test("another distribution and a small disk for the cache are warnings, after the errors", () => {
  const found = preflight(
    machine({ distribution: { id: "fedora", version: "43" }, freeBytes: { cache: GIB, checkout: GIB } }),
    everything,
  );
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ["error", "warning", "warning"],
  );
});
