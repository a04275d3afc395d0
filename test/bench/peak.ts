/** This machine's register-only peak and rate of reading memory by the executor's own probe, to which all percentages refer. */
import { run } from "../../terminal/runProgram.ts";
import { executorPath } from "../../trainer/native/paths.ts";

/** The figures of `threads` cores together. */
export interface Peak {
  /** GFLOP/s. */
  F32: number;
  BF16: number;
  /** GB/s. */
  memory: number;
}

export async function measurePeak(threads: number): Promise<Peak> {
  const { stdout } = await run(executorPath, ["--peak", "--threads", String(threads)]);
  const figure = (name: string) => {
    const found = new RegExp(`${name} ([\\d.]+)`).exec(stdout)?.[1];
    if (found === undefined) throw new Error(`luthier-exec --peak printed no figure for ${name}: ${stdout}`);
    return Number(found);
  };
  return { F32: figure("peak F32"), BF16: figure("peak BF16"), memory: figure("memory") };
}
