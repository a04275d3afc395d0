/**
 * `npm run bench -- --memory`: what is planned of a training beside what the kernel saw of it, over twenty shapes, each in a
 * process of its own. A plan is right when it is not below what was measured and not a tenth above it. Other work on the
 * machine changes nothing of the result.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { formatBytes } from "../../../terminal/format.ts";
import { type Measured, measureTraining } from "./measure.ts";
import { memoryShapes } from "./shapes.ts";

const most = 1.1;

/** → whether every plan is right. */
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
