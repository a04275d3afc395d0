// What a machine is, as far as the set-up's checks ask. Gathering changes nothing; judging is preflight.ts's part.

import { existsSync, readFileSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import path from "node:path";
import { cacheRoot } from "./cache.ts";
import { CommandError, run } from "./command.ts";

export interface MachineFacts {
  readonly root: boolean;
  /** ID and VERSION_ID of /etc/os-release: "debian", "12". */
  readonly distribution: { readonly id: string; readonly version: string };
  readonly architecture: string;
  /** Flags of the first processor in /proc/cpuinfo. */
  readonly cpuFlags: ReadonlySet<string>;
  readonly memoryBytes: number;
  /** Free bytes where the cache and the checkout are. */
  readonly freeBytes: { readonly cache: number; readonly checkout: number };
  readonly hasApt: boolean;
  /** Why namespaces cannot be made here; undefined where they can. */
  readonly namespaces: string | undefined;
  /** Controllers of control groups that are there, v1 or v2. */
  readonly cgroupControllers: ReadonlySet<string>;
  /** Destinations of the routing table, with the interface each leaves by. */
  readonly routes: readonly { readonly destination: string; readonly interface: string }[];
  /** Absolute path of this checkout. */
  readonly checkout: string;
}

export async function gatherFacts(checkout: string): Promise<MachineFacts> {
  const release = parseAssignments(readIfThere("/etc/os-release"));
  const root = process.getuid?.() === 0;
  return {
    root,
    distribution: { id: release.get("ID") ?? "unknown", version: release.get("VERSION_ID") ?? "" },
    architecture: process.arch,
    cpuFlags: new Set(/^flags\s*:\s*(.*)$/m.exec(readIfThere("/proc/cpuinfo"))?.[1]?.split(" ")),
    memoryBytes: memoryLimit(),
    freeBytes: { cache: freeBytes(cacheRoot()), checkout: freeBytes(checkout) },
    hasApt: existsSync("/usr/bin/apt-get"),
    namespaces: root ? await whyNoNamespaces() : "only root may make them",
    cgroupControllers: cgroupControllers(readIfThere("/proc/mounts"), (file) => readIfThere(file)),
    routes: parseRoutes(readIfThere("/proc/net/route")),
    checkout,
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

/** v1 names a hierarchy's controllers among its mount options, v2 in a file at its root. */
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

/** The machine's memory, or the limit that this process's control group sets. */
function memoryLimit(): number {
  const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    .map((file) => Number(readIfThere(file).trim() || Number.POSITIVE_INFINITY))
    .filter((limit) => limit > 0);
  return Math.min(totalmem(), ...limits);
}

/** Of the nearest directory that exists already. */
function freeBytes(directory: string): number {
  let existing = path.resolve(directory);
  while (!existsSync(existing)) existing = path.dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

async function whyNoNamespaces(): Promise<string | undefined> {
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
