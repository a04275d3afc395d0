// Lists everything that a cluster could leave on a machine, for a comparison before and after.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { hierarchies } from "./cgroups.ts";

/** Kernel settings that the kubelet, kube-proxy or a bridge plug-in change if they can. */
const SETTINGS = [
  ...[
    "vm",
    "kernel/keys",
    "net/ipv4/conf",
    "net/ipv4/ip_forward",
    "net/ipv4/neigh",
    "net/ipv6/conf",
    "net/bridge",
    "net/netfilter",
  ],
  ...["kernel/panic", "kernel/panic_on_oops", "kernel/oom"],
];
/** These change on their own. */
const RESTLESS = /nf_conntrack_count$|\/vm\/(stat_refresh|compact_memory|drop_caches)$/;
const DIRECTORIES = [
  "/opt",
  "/run",
  "/run/netns",
  "/run/containerd",
  "/var/lib",
  "/var/lib/kubelet",
  "/var/lib/cni",
  "/var/log",
  "/usr/libexec",
  "/etc/cni",
];

export type Traces = Readonly<Record<string, readonly string[]>>;

/** `state`: the state directory of the cluster. */
export async function gatherTraces(state: string): Promise<Traces> {
  const lines = async (command: string, ...args: string[]) => (await run(command, args)).stdout.trim().split("\n");
  return {
    interfaces: readdirSync("/sys/class/net"),
    // The columns that count down are cut off.
    addresses: (await lines("ip", "-o", "address")).map((line) => line.split("\\")[0] ?? ""),
    rules: [...(await lines("ip", "rule")), ...(await lines("ip", "-6", "rule"))],
    routes: [...(await lines("ip", "route")), ...(await lines("ip", "-6", "route"))].map((line) =>
      line.replace(/ expires \d+sec/, ""),
    ),
    firewall: await lines("nft", "list", "ruleset"),
    mounts: readFileSync("/proc/mounts", "utf8").split("\n"),
    settings: SETTINGS.flatMap((name) => readSettings(path.join("/proc/sys", name))),
    cgroups: hierarchies(readFileSync("/proc/mounts", "utf8")).flatMap(({ mountPoint, version }) => [
      ...luthierGroups(mountPoint),
      ...(version === 2 ? readSettings(path.join(mountPoint, "cgroup.subtree_control")) : []),
    ]),
    files: DIRECTORIES.filter(existsSync).flatMap((directory) =>
      readdirSync(directory).map((name) => path.join(directory, name)),
    ),
    processes: processesOf(state),
  };
}

/** The differences, as "+ kind: line" and "- kind: line". */
export function differences(before: Traces, after: Traces): string[] {
  return Object.keys({ ...before, ...after }).flatMap((kind) => {
    const [old, now] = [before[kind] ?? [], after[kind] ?? []];
    return [
      ...now.filter((line) => !old.includes(line)).map((line) => `+ ${kind}: ${line}`),
      ...old.filter((line) => !now.includes(line)).map((line) => `- ${kind}: ${line}`),
    ];
  });
}

function readSettings(file: string): string[] {
  if (!existsSync(file) || RESTLESS.test(file)) return [];
  try {
    return [`${file} = ${readFileSync(file, "utf8").trim()}`];
  } catch {
    // A directory, or a write-only file.
    return isDirectory(file) ? readdirSync(file).flatMap((name) => readSettings(path.join(file, name))) : [];
  }
}

function isDirectory(file: string): boolean {
  try {
    readdirSync(file);
    return true;
  } catch {
    return false;
  }
}

function luthierGroups(mountPoint: string): string[] {
  return readdirSync(mountPoint)
    .filter((name) => /^(luthier|kube|pod)/.test(name))
    .map((name) => path.join(mountPoint, name));
}

/**
 * The processes that hold the sandbox from outside. Processes inside need no list: their namespace cannot outlive its first
 * process, and the control group cannot be removed while it contains a process of a pod.
 */
function processesOf(state: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return `${command}/`.includes(`${state}/`) ? [`${pid} ${command.slice(0, 100)}`] : [];
      } catch {
        return [];
      }
    });
}
