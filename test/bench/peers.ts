/** Runs the same training with PyTorch, PEFT and bitsandbytes, in a virtual environment with the goldens' pinned versions. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { CommandError, run } from "../../terminal/runProgram.ts";
import { cacheRoot, recipeDigest } from "../../tools/setup/cache.ts";
import type { Format } from "./shape.ts";
import type { Measured } from "./throughput.ts";

const figures = z.object({
  secondsPerStep: z.array(z.number()),
  coreSecondsPerStep: z.array(z.number()),
  peakBytes: z.number(),
  versions: z.record(z.string(), z.string()),
});

export interface PeerMeasurement extends Measured {
  versions: Readonly<Record<string, string>>;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The environment's Python; created on first use, which downloads 3 GB. `onLine` receives pip's output. */
export async function peerPython(onLine: (line: string) => void): Promise<string> {
  const requirements = file("../golden/requirements.txt");
  const root = path.join(cacheRoot(), "peers", recipeDigest([readFileSync(requirements)]));
  const python = path.join(root, "bin/python");
  const complete = path.join(root, "complete");
  if (existsSync(complete)) return python;
  try {
    await run("python3", ["-m", "venv", "--clear", root]);
    await run(python, ["-m", "pip", "install", "--no-cache-dir", "-r", requirements], { onLine });
    await run("touch", [complete]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Error(`the peers need python3 ≥ 3.10 with venv (apt-get install python3-venv) and pip: ${error.message}`);
  }
  return python;
}

export async function measurePeer(
  python: string,
  format: Format,
  threads: number,
  steps: number,
): Promise<PeerMeasurement> {
  const { stdout } = await run(python, [file("peers.py"), format, String(threads), String(steps)]);
  return figures.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}
