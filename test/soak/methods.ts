/**
 * `npm run soak -- methods`: the properties of every method on many random models with random settings. An error names the
 * method, the seed and the property.
 */
import type { Stage } from "../../terminal/stages.ts";
import { declarations } from "../../trainer/contract/methods/index.ts";
import { holdProperties } from "../../trainer/testing/methodProperties.ts";

/** Cases with the seeds from `first`, for each method in turn. */
export function methodStages(first: number, count: number): { stages: Stage[]; close(): void } {
  const title = `${count} random trainings of ${declarations.length} methods`;
  return { stages: [{ title, run: (report) => holdAll(first, count, report) }], close: () => {} };
}

async function holdAll(first: number, count: number, report: Parameters<Stage["run"]>[0]): Promise<string> {
  for (let done = 0; done < count; done++) {
    const { kind } = declarations[done % declarations.length]!;
    await holdProperties(kind, first + Math.floor(done / declarations.length));
    if (done % 20 === 0) report({ message: `${done} of ${count}`, fraction: done / count });
  }
  return "packing, micro-batches, threads, recomputing, dead memory, resuming and merging change nothing";
}
