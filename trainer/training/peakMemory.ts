/**
 * The most memory that this process had resident: mapped weights, regions, scratch, Node's own. Linux counts it; it is
 * counted from a stage's beginning where the kernel lets it be, so that one process may do one stage after another.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { addon } from "../native/addon.ts";

/** Collects what nothing refers to any more, and gives its memory back to the kernel: a stage leaves none to the next. */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  addon().trimMemory();
}

/** Counts anew from here. → What the process holds already, of an earlier stage too: it stays in the count. In bytes. */
export function forgetPeak(): number {
  try {
    // proc_pid_clear_refs(5): 5 resets the peak resident set size.
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not permitted in some sandboxes: the peak is then that of the whole process.
  }
  return process.memoryUsage.rss();
}

/** In bytes. */
export function peakBytes(): number {
  const [, kibibytes] = /^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return kibibytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kibibytes) * 1024;
}
