// The control group of all pods of a cluster, in every hierarchy of the machine (v1 and v2).
// It is created before the kubelet starts, which requires it, and removed with its subgroups after the cluster has ended.
// Controllers of v2 that were enabled for it at the top are recorded, and disabled again with the last cluster.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Controllers the kubelet and the runtime set limits through. */
const CONTROLLERS = ["cpu", "cpuset", "memory", "pids", "hugetlb", "io"];

/** Lines "FILE CONTROLLER"; lost with the next boot, like the settings themselves. */
const ENABLED = "/run/luthier-cgroup-controllers";

interface Hierarchy {
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

/** The hierarchies listed in the text of /proc/mounts. */
export function hierarchies(mounts: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mounts.split("\n")) {
    const [, mountPoint, type] = line.split(" ");
    if (mountPoint === undefined) continue;
    if (type === "cgroup") found.push({ mountPoint, version: 1 });
    if (type === "cgroup2") found.push({ mountPoint, version: 2 });
  }
  return found;
}

export function makeCgroup(name: string): void {
  for (const { mountPoint, version } of ofThisMachine()) {
    if (version === 2)
      enableControllers(mountPoint, (file, controller) => appendFileSync(ENABLED, `${file} ${controller}\n`));
    mkdirSync(path.join(mountPoint, name), { recursive: true });
    if (version === 2) enableControllers(path.join(mountPoint, name));
  }
}

/** A group can be removed once its last process has ended, a moment after the kill. */
export async function removeCgroup(name: string): Promise<void> {
  for (const { mountPoint } of ofThisMachine()) {
    const group = path.join(mountPoint, name);
    for (let attempt = 0; ; attempt++) {
      try {
        removeTree(group);
        break;
      } catch (error) {
        if (attempt === 50) throw error;
        await sleep(100);
      }
    }
  }
}

/** Removes the groups of clusters that ended without their removal, such as with a reboot. Called when no cluster is left. */
export async function removeLeftCgroups(pattern: RegExp): Promise<void> {
  const left = ofThisMachine().flatMap(({ mountPoint }) =>
    readdirSync(mountPoint).filter((name) => pattern.test(name)),
  );
  for (const name of new Set(left)) await removeCgroup(name);
}

/** Disables the controllers that `makeCgroup` enabled at the top, except those in use. Called when no cluster is left. */
export function forgetControllers(): void {
  if (!existsSync(ENABLED)) return;
  for (const line of readFileSync(ENABLED, "utf8").trim().split("\n")) {
    const [file = "", controller = ""] = line.split(" ");
    try {
      writeFileSync(file, `-${controller}`);
    } catch {
      // EBUSY: a subgroup delegates it.
    }
  }
  rmSync(ENABLED);
}

function ofThisMachine(): Hierarchy[] {
  return hierarchies(readFileSync("/proc/mounts", "utf8"));
}

/** In v2 a controller must be enabled in the parent for its children to have it. */
function enableControllers(group: string, note: (file: string, controller: string) => void = () => {}): void {
  const available = readFileSync(path.join(group, "cgroup.controllers"), "utf8").trim().split(" ");
  const file = path.join(group, "cgroup.subtree_control");
  const enabled = readFileSync(file, "utf8").trim().split(" ");
  for (const controller of CONTROLLERS) {
    if (!available.includes(controller) || enabled.includes(controller)) continue;
    writeFileSync(file, `+${controller}`);
    note(file, controller);
  }
}

/** The kernel removes a group's files with its directory; only its subgroups must be removed first. */
function removeTree(group: string): void {
  if (!existsSync(group)) return;
  for (const child of readdirSync(group, { withFileTypes: true })) {
    if (child.isDirectory()) removeTree(path.join(group, child.name));
  }
  rmdirSync(group);
}
