/**
 * The peak resident memory of this process: mapped weights, regions, scratch, Node. Linux counts it. The count restarts
 * at each stage if the kernel permits it, so that one process can run several stages.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { addon } from "../native/addon.ts";

/**
 * Makes V8 favour memory over speed: the young generation does not grow (otherwise to 64 MB of garbage), and the old one
 * is collected earlier. A trainer spends its time in kernels. Unlike V8's heap sizes, this flag also works after the start.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--optimize-for-size");
}

/** Collects garbage and returns its memory to the kernel, so that a stage leaves none to the next. */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect({ type: "major", execution: "sync", flavor: "last-resort" });
  addon().trimMemory();
}

/**
 * Restarts the count. Returns the bytes that the process already holds, also from earlier stages; they stay in the
 * count.
 */
export function forgetPeak(): number {
  try {
    // proc_pid_clear_refs(5): 5 resets the peak resident set size.
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Some sandboxes forbid this; the peak is then that of the whole process.
  }
  return process.memoryUsage.rss();
}

/** The peak, in bytes. */
export function peakBytes(): number {
  const [, kibibytes] = /^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return kibibytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kibibytes) * 1024;
}
