/**
 * `npm run soak -- methods`: the properties of every method on many random models with random settings. The error at the end
 * names the method, the seed and the property of each case that does not hold one.
 */
import type { Stage } from "../../terminal/stages.ts";
import { declarations } from "../../trainer/contract/methods/index.ts";
import { holdProperties } from "../../trainer/testing/methodProperties.ts";

/** Cases with the seeds from `first`, for each method in turn. */
export function methodStages(first: number, count: number): { stages: Stage[]; close(): void } {
  const title = `${count} random trainings of ${declarations.length} methods`;
  return { stages: [{ title, run: (report) => holdAll(first, count, report) }], close: () => {} };
}

/** So many failures end the soak. */
const mostFailures = 10;

async function holdAll(first: number, count: number, report: Parameters<Stage["run"]>[0]): Promise<string> {
  const failures: string[] = [];
  for (let done = 0; done < count && failures.length < mostFailures; done++) {
    const { kind } = declarations[done % declarations.length]!;
    await holdProperties(kind, first + Math.floor(done / declarations.length)).catch((error: unknown) => {
      failures.push(String(error));
    });
    if (done % 20 === 0) report({ message: `${done} of ${count}, ${failures.length} failed`, fraction: done / count });
  }
  if (failures.length > 0) throw new Error(failures.join("\n\n"));
  return "gradients are differences; packing, micro-batches, threads, recomputing, dead memory, resuming and merging change nothing";
}
