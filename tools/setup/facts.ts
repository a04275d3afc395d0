// Gathers the facts about a machine that the set-up's checks need, and changes nothing. preflight.ts judges them.

import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import path from "node:path";
import { CommandError, run } from "../../terminal/runProgram.ts";
import { type Filesystem, filesystemsOf, nearestExisting, type SpaceNeed } from "./space.ts";

export interface MachineFacts {
  readonly root: boolean;
  /** ID and VERSION_ID of /etc/os-release: "debian", "12". */
  readonly distribution: { readonly id: string; readonly version: string };
  readonly architecture: string;
  /** Flags of the first processor in /proc/cpuinfo. */
  readonly cpuFlags: ReadonlySet<string>;
  readonly memoryBytes: number;
  /** The filesystems that will be written to. */
  readonly filesystems: readonly Filesystem[];
  readonly hasApt: boolean;
  /** The reason why namespaces cannot be created here; undefined if they can. */
  readonly namespaces: string | undefined;
  /** Available controllers of control groups, v1 or v2. */
  readonly cgroupControllers: ReadonlySet<string>;
  /** True if v2's topmost visible group is a subgroup of the machine's and contains processes (in a container). */
  readonly cgroupIsNested: boolean;
  /** Destinations of the routing table with their interfaces. */
  readonly routes: readonly { readonly destination: string; readonly interface: string }[];
  /** Absolute path of this checkout. */
  readonly checkout: string;
  /** Paths in it that must be written to, but not writable by this user. */
  readonly foreign: readonly string[];
}

/** The controllers by which the kubelet limits pods. */
const HANDED_ON = ["cpu", "cpuset", "memory", "pids", "hugetlb", "io"];
/** The demo's output directories in a checkout, relative to it. */
const WRITTEN = [".luthier", ".luthier/demo-store"];

export async function gatherFacts(checkout: string, needs: readonly SpaceNeed[]): Promise<MachineFacts> {
  const release = parseAssignments(readIfThere("/etc/os-release"));
  const root = process.getuid?.() === 0;
  return {
    root,
    distribution: { id: release.get("ID") ?? "unknown", version: release.get("VERSION_ID") ?? "" },
    architecture: process.arch,
    cpuFlags: new Set(/^flags\s*:\s*(.*)$/m.exec(readIfThere("/proc/cpuinfo"))?.[1]?.split(" ")),
    memoryBytes: memoryLimit(),
    filesystems: filesystemsOf(needs),
    hasApt: existsSync("/usr/bin/apt-get"),
    namespaces: root ? await namespacesProblem() : "only root may create them",
    cgroupControllers: cgroupControllers(readIfThere("/proc/mounts"), (file) => readIfThere(file)),
    cgroupIsNested: cgroupIsNested(readIfThere("/proc/mounts"), (file) => readIfThere(file)),
    routes: parseRoutes(readIfThere("/proc/net/route")),
    checkout,
    foreign: foreignDirectories(checkout, needs),
  };
}

/** NAME=value and NAME="value" lines. */
export function parseAssignments(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map(([, name, value]) => [name ?? "", value ?? ""]));
}

/** /proc/net/route: addresses are little-endian hexadecimal. Destinations come back as "198.18.0.0". */
export function parseRoutes(text: string): MachineFacts["routes"] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [name, destination] = line.split("\t");
      if (name === undefined || destination === undefined) return [];
      const bytes = (destination.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).reverse();
      return [{ interface: name, destination: bytes.join(".") }];
    });
}

/** v1 lists a hierarchy's controllers in its mount options, v2 in a file at its root. */
export function cgroupControllers(mounts: string, read: (file: string) => string): Set<string> {
  const found = new Set<string>();
  for (const line of mounts.split("\n")) {
    const [, mountPoint, type, options] = line.split(" ");
    if (type === "cgroup") for (const option of options?.split(",") ?? []) found.add(option);
    if (type === "cgroup2")
      for (const name of read(`${mountPoint}/cgroup.controllers`).trim().split(" ")) found.add(name);
  }
  return found;
}

/**
 * Only a group without processes can delegate controllers. The machine's topmost group is exempt and has no file
 * `cgroup.type`; a container with its own control group namespace sees a subgroup in that place.
 */
export function cgroupIsNested(mounts: string, read: (file: string) => string): boolean {
  return mounts.split("\n").some((line) => {
    const [, group, type] = line.split(" ");
    if (type !== "cgroup2") return false;
    const words = (name: string) => read(`${group}/${name}`).split(/\s+/).filter(Boolean);
    const handedOn = new Set(words("cgroup.subtree_control"));
    const available = new Set(words("cgroup.controllers"));
    const missing = HANDED_ON.some((controller) => available.has(controller) && !handedOn.has(controller));
    return missing && words("cgroup.type").length > 0 && words("cgroup.procs").length > 0;
  });
}

/** The machine's memory, or the limit that this process's control group sets. */
function memoryLimit(): number {
  const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    .map((file) => Number(readIfThere(file).trim() || Number.POSITIVE_INFINITY))
    .filter((limit) => limit > 0);
  return Math.min(totalmem(), ...limits);
}

function foreignDirectories(checkout: string, needs: readonly SpaceNeed[]): string[] {
  const below = needs.map(({ directory }) => directory).filter((directory) => directory.startsWith(`${checkout}/`));
  const written = [...WRITTEN.map((name) => path.join(checkout, name)), ...below].map(nearestExisting);
  return [...new Set(written)].filter((directory) => !isWritable(directory));
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function namespacesProblem(): Promise<string | undefined> {
  try {
    await run("unshare", ["--mount", "--net", "--pid", "--fork", "--mount-proc", "true"]);
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.stderr.trim() || error.message;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
