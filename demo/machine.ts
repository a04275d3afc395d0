/**
 * The stages that make a machine ready for the demo and the tests: each does nothing when its work is there already, so
 * that a second run, or one after Ctrl-C, goes straight on.
 */
import path from "node:path";
import type { Screen } from "../cli/ui/screen.ts";
import type { Report, Stage } from "../cli/ui/stages.ts";
import { buildImages } from "../images/build.ts";
import { buildPrograms } from "../test/cluster/programs.ts";
import { run } from "../tools/setup/command.ts";
import type { Purpose } from "../tools/setup/packages.ts";
import { describeSetup, planSetup, type SetupPlan, setUp } from "../tools/setup/setup.ts";
import { repository } from "./places.ts";

/** What a machine is made ready for. */
export type Readiness = "native" | "cluster";

const purposes: Record<Readiness, readonly Purpose[]> = {
  native: ["native"],
  cluster: ["native", "cluster", "images"],
};

/** Looks at the machine, says what stands in the way and what will be installed, and gives the stages that do it. */
export async function machineStages(readiness: Readiness, screen: Screen): Promise<Stage[]> {
  const plan = await planSetup(purposes[readiness]);
  for (const line of describeSetup(plan)) screen.print(line);
  const native = [systemPackages(plan), nativeBuild];
  return readiness === "native" ? native : [...native, clusterPrograms, images];
}

const systemPackages = (plan: SetupPlan): Stage => ({
  title: "system packages",
  async run(report) {
    await setUp(plan, report);
    return plan.packages.length === 0 ? "all there" : `${plan.packages.length} installed`;
  },
});

const nativeBuild: Stage = {
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

/** ninja counts the steps that are done: "[12/40] Building …"; until the first, there are CMake's words. Pure. */
export function compilerProgress(line: string): Parameters<Report>[0] {
  const [, done, total, rest] = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line) ?? [];
  if (done === undefined || total === undefined) return { message: line.startsWith("-- ") ? "compiling" : line };
  return { message: shortened(rest ?? ""), fraction: Number(done) / Number(total) };
}

const shortened = (step: string) => step.replace(/^(Building|Linking) CXX \w+( \w+)? .*?([^/]+)$/, "$1 $3");

const clusterPrograms: Stage = {
  title: "Kubernetes, etcd and Helm, from source",
  async run(report) {
    await buildPrograms(report);
    return undefined;
  },
};

const images: Stage = {
  title: "images of operator and trainer",
  async run(report) {
    await buildImages({ onProgress: report });
    return undefined;
  },
};
