// Only one process at a time starts or stops a cluster of one name, or changes the shared parts of all clusters of a machine.
// A lock names its holder by process number and start time, so that the lock of an ended holder is ignored.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Runs `work` exclusively; throws at once if another process holds the lock. */
export async function withLock<T>(file: string, what: string, work: () => Promise<T>): Promise<T> {
  const holder = take(file);
  if (holder !== undefined) {
    const suspended = `. It is suspended (Ctrl-Z or SIGSTOP): kill -CONT ${holder} resumes it, kill -KILL ${holder} ends it`;
    const fix = isStopped(holder) ? suspended : ": wait until it is done";
    throw new Error(`${what} is being started or stopped by process ${holder}${fix}`);
  }
  return await holding(file, work);
}

/** Runs `work` exclusively, after the current holder of the lock. */
export async function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  while (take(file) !== undefined) await sleep(20);
  return await holding(file, work);
}

async function holding<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Takes the lock, or returns the process that holds it. */
function take(file: string): number | undefined {
  mkdirSync(path.dirname(file), { recursive: true });
  for (let attempt = 0; ; attempt++) {
    try {
      place(file);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST") || attempt === 3) throw error;
    }
    const holder = readIfThere(file);
    const pid = Number(holder.split(" ")[0]);
    if (holder !== "" && holder === identity(pid)) return pid;
    setAside(file, holder);
  }
}

/** The lock appears together with its content, so that no process finds it empty. */
function place(file: string): void {
  const beside = `${file}.${process.pid}`;
  writeFileSync(beside, identity(process.pid));
  try {
    linkSync(beside, file);
  } finally {
    rmSync(beside);
  }
}

/** Removes only the lock of `holder`: a new lock that replaced it meanwhile is put back. */
function setAside(file: string, holder: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // another process removed it
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

const isStopped = (pid: number) => /^State:\s+T/m.test(readIfThere(`/proc/${pid}/status`));

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
