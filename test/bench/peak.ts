/** What registers alone allow on this machine, by the executor's own probe: the base of every share of peak. */
import { run } from "../../terminal/runProgram.ts";
import { executorPath } from "../../trainer/native/paths.ts";

/** GFLOP/s of `threads` cores. */
export interface Peak {
  F32: number;
  BF16: number;
}

export async function measurePeak(threads: number): Promise<Peak> {
  const { stdout } = await run(executorPath, ["--peak", "--threads", String(threads)]);
  const rate = (type: keyof Peak) => {
    const found = new RegExp(`peak ${type} (\\d+)`).exec(stdout)?.[1];
    if (found === undefined) throw new Error(`luthier-exec --peak said nothing of ${type}: ${stdout}`);
    return Number(found);
  };
  return { F32: rate("F32"), BF16: rate("BF16") };
}
