// Checks whether this machine meets the requirements. Pure, on gathered facts; each failed check names a fix.
// An error stops the set-up, a warning is only shown.
//
// No check looks for free ports or other container engines: the cluster has its own network, mount and process namespaces
// (test/cluster/sandbox.ts) and shares neither ports nor sockets nor firewall with the machine.

import type { MachineFacts } from "./facts.ts";
import type { Purpose } from "./packages.ts";
import type { SpaceNeed } from "./space.ts";

export interface Finding {
  readonly severity: "error" | "warning";
  readonly problem: string;
  readonly remedy: string;
}

type Check = (facts: MachineFacts, purposes: ReadonlySet<Purpose>) => Finding | undefined;

const GIB = 2 ** 30;
/**
 * A machine of 6 GiB reports somewhat less. Linking the API server takes 2 GiB; the cluster, the operator and a
 * training run take about 3. Without a cluster 2 GiB are enough for the compiler and for the training.
 */
const CLUSTER_MEMORY = { needed: 5.5 * GIB, machine: "6 GiB" };
const LOCAL_MEMORY = { needed: 1.75 * GIB, machine: "2 GiB" };
const RELEASES = ["debian 12", "debian 13", "ubuntu 24.04"];
const CONTROLLERS = ["cpu", "memory", "pids"];
const MOUNTED_OVER = ["/run", "/var/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni", "/proc"];

const CHECKS: readonly Check[] = [
  ({ architecture }) =>
    architecture === "x64"
      ? undefined
      : error(`this machine is ${architecture}`, "Luthier's kernels need x86-64: use such a machine"),

  ({ cpuFlags }) =>
    cpuFlags.has("avx2") && cpuFlags.has("fma")
      ? undefined
      : error(
          "the processor (or the virtual machine's processor model) has no AVX2 and FMA",
          "in a virtual machine choose the host's processor model",
        ),

  ({ distribution: { id, version } }) =>
    RELEASES.includes(`${id} ${version}`)
      ? undefined
      : warning(
          `${id} ${version} is not one of ${RELEASES.join(", ")}`,
          "it may work if its packages have the same names",
        ),

  ({ memoryBytes }, purposes) => {
    const { needed, machine } = needsCluster(purposes) ? CLUSTER_MEMORY : LOCAL_MEMORY;
    if (memoryBytes >= needed) return undefined;
    return needsCluster(purposes)
      ? error(
          `${gib(memoryBytes)} of memory; a cluster and its build need ${machine}`,
          `add memory, ${WITHOUT_CLUSTER}`,
        )
      : error(`${gib(memoryBytes)} of memory; the build and a training need ${machine}`, "add memory");
  },

  ({ filesystems }) => {
    const full = filesystems.find(({ freeBytes, needs }) => freeBytes < sum(needs));
    return full === undefined
      ? undefined
      : error(
          `${gib(full.freeBytes)} free, and ${gib(sum(full.needs))} still to be written: ${full.needs.map(needText).join("; ")}`,
          "free space, clone to a larger disk, or point LUTHIER_CACHE, GOCACHE and GOMODCACHE to one",
        );
  },

  ({ foreign, checkout }) =>
    foreign.length === 0
      ? undefined
      : error(
          `${foreign.join(" and ")} ${foreign.length === 1 ? "belongs" : "belong"} to another user`,
          `run the command as that user, or take the checkout over: sudo chown -R "$(id -un)" ${checkout}`,
        ),

  ({ root }, purposes) =>
    root || !needsRoot(purposes)
      ? undefined
      : needsCluster(purposes)
        ? error("a cluster needs root", `run the command as root, ${WITHOUT_CLUSTER}`)
        : error("building images needs root", "run the command as root (sudo -E keeps proxies and certificates)"),

  ({ hasApt }) =>
    hasApt ? undefined : warning("apt-get is missing", "install the packages listed below in another way"),

  ({ namespaces, root }, purposes) =>
    namespaces === undefined || !root || !needsRoot(purposes)
      ? undefined
      : error(
          `namespaces cannot be created here: ${namespaces}`,
          `use a virtual machine or a container (${CONTAINER}), ${WITHOUT_CLUSTER}`,
        ),

  ({ cgroupControllers }, purposes) => {
    const absent = CONTROLLERS.filter((name) => !cgroupControllers.has(name));
    return absent.length === 0 || !needsCluster(purposes)
      ? undefined
      : error(
          `control groups lack ${absent.join(", ")}`,
          `mount them writable below /sys/fs/cgroup (in a container: ${CONTAINER}), ${WITHOUT_CLUSTER}`,
        );
  },

  ({ cgroupIsNested }, purposes) =>
    !cgroupIsNested || !needsCluster(purposes)
      ? undefined
      : error(
          "this container has its own control groups, which cannot delegate controllers to pods",
          `start it with ${CONTAINER}, ${WITHOUT_CLUSTER}`,
        ),

  ({ routes }, purposes) => {
    const taken = routes.find(
      (route) => /^198\.1[89]\./.test(route.destination) && !/^luthier\d+$/.test(route.interface),
    );
    return taken === undefined || !needsCluster(purposes)
      ? undefined
      : error(
          `this machine routes ${taken.destination} over ${taken.interface}`,
          `the cluster uses 198.18.0.0/15, reserved for tests: remove the route, ${WITHOUT_CLUSTER}`,
        );
  },

  ({ checkout }, purposes) => {
    const above = MOUNTED_OVER.find((directory) => checkout.startsWith(`${directory}/`));
    return above === undefined || !needsCluster(purposes)
      ? undefined
      : error(
          `the checkout is below ${above}, where the cluster mounts another directory`,
          "clone it elsewhere, for example below /srv or a home directory",
        );
  },
];

const CONTAINER = "--privileged --cgroupns=host";
const WITHOUT_CLUSTER = "or run without a cluster: npm run demo -- --local, npm test -- --no-cluster";

/** All problems of `purposes` on such a machine, errors first. */
export function preflight(facts: MachineFacts, purposes: readonly Purpose[]): Finding[] {
  const wanted = new Set(purposes);
  const findings = CHECKS.flatMap((check) => check(facts, wanted) ?? []);
  return findings.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}

function needsCluster(purposes: ReadonlySet<Purpose>): boolean {
  return purposes.has("cluster");
}

function needsRoot(purposes: ReadonlySet<Purpose>): boolean {
  return purposes.has("cluster") || purposes.has("images");
}

function sum(needs: readonly SpaceNeed[]): number {
  return needs.reduce((bytes, need) => bytes + need.bytes, 0);
}

/** "Go modules, 1.1 GiB in ~/go/pkg/mod". */
export function needText({ what, directory, bytes }: SpaceNeed): string {
  return `${what}, ${gib(bytes)} in ${directory}`;
}

function error(problem: string, remedy: string): Finding {
  return { severity: "error", problem, remedy };
}

function warning(problem: string, remedy: string): Finding {
  return { severity: "warning", problem, remedy };
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
