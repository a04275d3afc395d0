/**
 * The stages that make a machine ready for the demo and the tests: each does nothing when its work is there already, so
 * that a second run, or one after Ctrl-C, goes straight on.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Report, Stage } from "../cli/ui/stages.ts";
import { buildImages } from "../images/build.ts";
import { buildPrograms } from "../test/cluster/programs.ts";
import { run } from "../tools/setup/command.ts";

export const repository = fileURLToPath(new URL("..", import.meta.url));

export const nativeBuild: Stage = {
  title: "native executor (C++20)",
  async run(report) {
    report({ message: "configuring" });
    const { stdout } = await run(process.execPath, [path.join(repository, "trainer/native/build.ts")], {
      cwd: repository,
      onLine: (line) => report(compilerProgress(line)),
    });
    return stdout.includes("up to date") ? "up to date" : undefined;
  },
};

/** ninja counts its steps: "[12/40] Building …". Pure. */
export function compilerProgress(line: string): Parameters<Report>[0] {
  const [, done, total, rest] = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line) ?? [];
  if (done === undefined || total === undefined) return { message: line };
  return { message: shortened(rest ?? ""), fraction: Number(done) / Number(total) };
}

const shortened = (step: string) => step.replace(/^(Building|Linking) CXX \w+( \w+)? .*?([^/]+)$/, "$1 $3");

export const clusterPrograms: Stage = {
  title: "Kubernetes, etcd and Helm, from source",
  async run(report) {
    await buildPrograms(report);
    return undefined;
  },
};

export const images: Stage = {
  title: "images of operator and trainer",
  async run(report) {
    await buildImages({ onProgress: report });
    return undefined;
  },
};

export const nativeStages: readonly Stage[] = [nativeBuild];
export const clusterStages: readonly Stage[] = [clusterPrograms, images];
