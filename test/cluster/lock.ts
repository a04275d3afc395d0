// One process at a time starts or stops a cluster of one name. The lock names its holder by process number and start
// time, so that one whose holder is gone, however it ended, counts for nothing.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Runs `work` alone; throws at once when another process holds the lock. */
export async function withLock<T>(file: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  take(file, what);
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, what: string): void {
  const me = identity(process.pid);
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(file, me, { flag: "wx" });
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST") || attempt === 3) throw error;
    }
    const holder = readIfThere(file);
    const pid = Number(holder.split(" ")[0]);
    if (holder !== "" && holder === identity(pid)) {
      throw new Error(`${what} is being started or stopped by process ${pid}: wait until it is done`);
    }
    setAside(file, holder);
  }
}

/** Removes the lock that `holder` left, and no other: a new one that took its place meanwhile is put back. */
function setAside(file: string, holder: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // somebody else removed it
  }
  if (readIfThere(aside) !== holder) linkSync(aside, file);
  rmSync(aside, { force: true });
}

/** A process number can be used again, a number with its start time cannot (field 22 of proc(5)'s stat). */
function identity(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "gone";
  return `${pid} ${started}`;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
