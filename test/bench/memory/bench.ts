/**
 * `npm run bench -- --memory`: compares the planned memory of a training with the kernel's peak, for 23 shapes, each in a
 * separate process. A plan is correct if it is not below the measurement and not a tenth above it. Other work on the machine
 * does not affect the result.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { formatBytes } from "../../../terminal/format.ts";
import { type Measured, measureTraining } from "./measure.ts";
import { memoryShapes } from "./shapes.ts";

const most = 1.1;

/** Returns whether every plan is correct. */
export async function benchMemory(onLine: (line: string) => void): Promise<boolean> {
  onLine("| training | planned | measured | planned / measured |");
  onLine("| --- | ---: | ---: | ---: |");
  let right = true;
  for (const shape of memoryShapes) {
    const directory = mkdtempSync(path.join(tmpdir(), "luthier-memory-"));
    try {
      const measured = await measureTraining(directory, shape);
      onLine(`| ${shape.name} | ${rowOf(measured)} |`);
      const ratio = measured.plannedBytes / measured.peakBytes;
      right &&= ratio >= 1 && ratio <= most;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return right;
}

const rowOf = ({ plannedBytes, peakBytes }: Measured) =>
  [formatBytes(plannedBytes), formatBytes(peakBytes), (plannedBytes / peakBytes).toFixed(3)].join(" | ");
