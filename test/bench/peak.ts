/** This machine's register-only peak by the executor's own probe, to which all percentages refer. */
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
    if (found === undefined) throw new Error(`luthier-exec --peak printed no figure for ${type}: ${stdout}`);
    return Number(found);
  };
  return { F32: rate("F32"), BF16: rate("BF16") };
}
