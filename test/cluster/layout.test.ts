import assert from "node:assert/strict";
import { test } from "node:test";
import { hierarchies } from "./cgroups.ts";
import { directAddresses, kubeconfig } from "./components.ts";
import { networkOf, pathsOf } from "./layout.ts";
import { linkerFlags } from "./programs.ts";
import { volumeManifests } from "./volume.ts";

test("clusters share no address, interface or control group", () => {
  const values = [0, 1, 255].flatMap((index) => Object.values(networkOf(index)));
  assert.equal(new Set(values).size, values.length);
  assert.throws(() => networkOf(256), /0 to 255/);
});

test("a cluster's name is a simple word", () => {
  assert.equal(pathsOf("/checkout", "demo").state, "/checkout/.luthier/cluster/demo");
  for (const name of ["", "Demo", "../demo", "0", "a".repeat(32)])
    assert.throws(() => pathsOf("/checkout", name), /cluster name/);
});

test("a kubeconfig contains its credentials", () => {
  const config = JSON.parse(kubeconfig("https://198.18.0.2:6443", "admin", { ca: "CA", certificate: "C", key: "K" }));
  assert.equal(config.clusters[0].cluster["certificate-authority-data"], "Q0E=");
  assert.equal(config["current-context"], config.contexts[0].name);
  assert.match(directAddresses(networkOf(0)), /198\.18\.0\.2/);
});

test("the programs report the version in go.mod", () => {
  assert.match(
    linkerFlags("\tk8s.io/kubernetes v1.34.4 // indirect\n"),
    /gitVersion=v1\.34\.4 .*gitMajor=1 .*gitMinor=34 /,
  );
  assert.throws(() => linkerFlags("module x\n"), /does not require/);
});

test("hierarchies of control groups are found in both versions", () => {
  const mounts =
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\nproc /proc proc rw 0 0\n";
  assert.deepEqual(hierarchies(mounts), [
    { mountPoint: "/sys/fs/cgroup/memory", version: 1 },
    { mountPoint: "/sys/fs/cgroup/unified", version: 2 },
  ]);
});

test("a directory's volume and its claim name each other", () => {
  const { volume, claim } = volumeManifests({ namespace: "default", claim: "work", directory: "/srv/work" });
  assert.deepEqual(volume.spec.claimRef, { namespace: "default", name: "work" });
  assert.equal(claim.spec.volumeName, volume.metadata.name);
});
