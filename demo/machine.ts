/**
 * The stages that prepare a machine for the demo and the tests. Each skips work that is already done, so that a second run,
 * or one after Ctrl-C, resumes at once.
 */
import { nativeBuild } from "../cli/nativeBuild.ts";
import { buildImages, imageNeeds } from "../images/build.ts";
import type { Screen } from "../terminal/screen.ts";
import type { Stage } from "../terminal/stages.ts";
import { clusterNeed, runningClusters } from "../test/cluster/cluster.ts";
import { buildPrograms, programNeeds } from "../test/cluster/programs.ts";
import type { Purpose } from "../tools/setup/packages.ts";
import { describeSetup, planSetup, type SetupPlan, setUp } from "../tools/setup/setup.ts";
import type { SpaceNeed } from "../tools/setup/space.ts";
import { nativeIsBuilt } from "../trainer/native/build.ts";
import { buildCudaKernels } from "../trainer/native/cuda/build.ts";
import { buildDirectory } from "../trainer/native/paths.ts";

/** The purpose that a machine is prepared for. Only the tests compile kernels for GPUs. */
export type Readiness = "native" | "cluster" | "unit tests" | "all tests";

const purposes: Record<Readiness, readonly Purpose[]> = {
  native: ["native"],
  cluster: ["native", "cluster", "images"],
  "unit tests": ["native", "cuda"],
  "all tests": ["native", "cuda", "cluster", "images"],
};

/**
 * Checks the machine, prints the problems, the packages to install and the files to write, and returns the stages that do
 * it. `results` are files that the caller itself will write.
 */
export async function machineStages(
  readiness: Readiness,
  screen: Screen,
  signal?: AbortSignal,
  results: readonly SpaceNeed[] = [],
): Promise<Stage[]> {
  const needed = purposes[readiness];
  const clusters = needed.includes("cluster");
  const native = nativeIsBuilt() ? [] : [nativeNeed];
  const programs = clusters ? programNeeds() : [];
  const cluster = clusters ? [...programs, ...imageNeeds(), ...clusterNeeds()] : [];
  const plan = await planSetup(needed, [...native, ...cluster, ...results], programs.length > 0);
  for (const line of describeSetup(plan)) screen.print(line);
  const stages = [systemPackages(plan), nativeBuild, ...(needed.includes("cuda") ? [cudaKernels] : [])];
  return clusters ? [...stages, clusterPrograms(signal), imageBuild] : stages;
}

const nativeNeed: SpaceNeed = { what: "the native executor", directory: buildDirectory, bytes: 100 * 2 ** 20 };

/** A running cluster has already written its files. */
const clusterNeeds = () => (runningClusters().length > 0 ? [] : [clusterNeed()]);

const systemPackages = (plan: SetupPlan): Stage => ({
  title: "system packages",
  async run(report) {
    await setUp(plan, report);
    return plan.packages.length === 0 ? "all installed" : `${plan.packages.length} installed`;
  },
});

const cudaKernels: Stage = {
  title: "kernels for GPUs",
  async run(report) {
    return (await buildCudaKernels(report)) ? "compiled" : "up to date";
  },
};

const clusterPrograms = (signal: AbortSignal | undefined): Stage => ({
  title: "Kubernetes, etcd and Helm, from source",
  async run(report) {
    await buildPrograms(report, signal);
    return undefined;
  },
});

const imageBuild: Stage = {
  title: "images of operator and trainer",
  async run(report) {
    await buildImages({ onProgress: report });
    return undefined;
  },
};
