/** Builds the native executor if needed: shows progress, and names the package if a compiler is missing. */
import { fileURLToPath } from "node:url";
import { run } from "../terminal/runProgram.ts";
import type { Screen } from "../terminal/screen.ts";
import { type Report, runStages, type Stage } from "../terminal/stages.ts";
import { nativeIsBuilt } from "../trainer/native/build.ts";

const program = fileURLToPath(new URL("../trainer/native/build.ts", import.meta.url));

/** Builds the outdated parts. */
export const nativeBuild: Stage = {
  title: "native executor (C++20)",
  async run(report) {
    report({ message: "configuring" });
    const { stdout } = await run(process.execPath, [program], {
      onLine: (line) => report(compilerProgress(line)),
    });
    return stdout.includes("up to date") ? "up to date" : undefined;
  },
};

/** Reads ninja's count of finished steps, "[12/40] Building …"; before the first, CMake prints its own lines. Pure. */
export function compilerProgress(line: string): Parameters<Report>[0] {
  const [, done, total, rest] = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line) ?? [];
  if (done === undefined || total === undefined) return { message: line.startsWith("-- ") ? "compiling" : line };
  return { message: shortened(rest ?? ""), fraction: Number(done) / Number(total) };
}

const shortened = (step: string) => step.replace(/^(Building|Linking) CXX \w+( \w+)? .*?([^/]+)$/, "$1 $3");

/** Builds the executor if it is missing or was built from other sources (after `git pull`). */
export async function ensureNative(screen: Screen): Promise<void> {
  if (!nativeIsBuilt()) await runStages(screen, [nativeBuild]);
}
