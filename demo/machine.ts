/**
 * The stages that make a machine ready for the demo and the tests: each does nothing when its work is there already, so
 * that a second run, or one after Ctrl-C, goes straight on.
 */
import { nativeBuild } from "../cli/nativeBuild.ts";
import type { Screen } from "../cli/ui/screen.ts";
import type { Stage } from "../cli/ui/stages.ts";
import { buildImages } from "../images/build.ts";
import { buildPrograms } from "../test/cluster/programs.ts";
import type { Purpose } from "../tools/setup/packages.ts";
import { describeSetup, planSetup, type SetupPlan, setUp } from "../tools/setup/setup.ts";

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
