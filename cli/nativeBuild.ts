/** The native executor, built where it is not yet: with progress, and with the name of the package when a compiler is missing. */
import { fileURLToPath } from "node:url";
import { run } from "../terminal/runProgram.ts";
import type { Screen } from "../terminal/screen.ts";
import { type Report, runStages, type Stage } from "../terminal/stages.ts";
import { nativeIsBuilt } from "../trainer/native/build.ts";

const program = fileURLToPath(new URL("../trainer/native/build.ts", import.meta.url));

/** Builds what is out of date. */
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

/** ninja counts the steps that are done: "[12/40] Building …"; until the first, there are CMake's words. Pure. */
export function compilerProgress(line: string): Parameters<Report>[0] {
  const [, done, total, rest] = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line) ?? [];
  if (done === undefined || total === undefined) return { message: line.startsWith("-- ") ? "compiling" : line };
  return { message: shortened(rest ?? ""), fraction: Number(done) / Number(total) };
}

const shortened = (step: string) => step.replace(/^(Building|Linking) CXX \w+( \w+)? .*?([^/]+)$/, "$1 $3");

/** Builds the executor when there is none, or one of other sources (after `git pull`). */
export async function ensureNative(screen: Screen): Promise<void> {
  if (!nativeIsBuilt()) await runStages(screen, [nativeBuild]);
}
