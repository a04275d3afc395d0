/** The machine's register-only peak (peak.cc), compiled on the machine that is measured. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { run } from "../../tools/setup/command.ts";

const peaks = z.object({ F32: z.number(), BF16: z.number().optional() });

/** GFLOP/s of `threads` cores. BF16 arithmetic is F32's where the machine has none of its own. */
export interface Peak {
  F32: number;
  BF16: number;
}

export class PeakProbe implements Disposable {
  readonly #directory: string;
  readonly #program: string;

  private constructor(directory: string, program: string) {
    this.#directory = directory;
    this.#program = program;
  }

  static async build(): Promise<PeakProbe> {
    const directory = mkdtempSync(path.join(tmpdir(), "luthier-peak-"));
    const program = path.join(directory, "peak");
    const source = fileURLToPath(new URL("peak.cc", import.meta.url));
    await run(process.env.CXX ?? "g++", ["-O3", "-march=native", "-std=c++20", "-pthread", source, "-o", program]);
    return new PeakProbe(directory, program);
  }

  async measure(threads: number): Promise<Peak> {
    const { stdout } = await run(this.#program, [String(threads)]);
    const { F32, BF16 } = peaks.parse(JSON.parse(stdout));
    return { F32, BF16: BF16 ?? F32 };
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}
