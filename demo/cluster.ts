/**
 * The demo on a real cluster of this machine: from a fresh Debian to a ready Adapter. Every stage is idempotent, so that
 * an interrupted demo resumes when it is started again.
 */
import type { Session } from "../terminal/command.ts";
import { runStages, type Stage } from "../terminal/stages.ts";
import { type Cluster, startCluster } from "../test/cluster/cluster.ts";
import { installOperator, loadImages } from "./install.ts";
import { machineStages } from "./machine.ts";
import { demo } from "./places.ts";
import { quickstartStages, type Stand, showQuickstart } from "./quickstart.ts";

export async function clusterDemo(session: Session): Promise<void> {
  const { screen, signal } = session;
  screen.print(
    "Luthier's demo: a real Kubernetes on this machine, and a small model that learns to tell spam from ham.",
  );
  screen.print("`npm run demo:down` removes everything that it starts; installed packages and the cache stay.\n");
  let started: Cluster | undefined;
  const stand = (): Stand => {
    if (started === undefined) throw new Error("the cluster is not started");
    return { cluster: started, namespace: "default", state: demo.clusterState };
  };
  const cluster: Stage = {
    title: "cluster: control plane and node",
    async run(report) {
      started = await startCluster({ name: demo.clusterName, onProgress: report, signal });
      return undefined;
    },
  };
  const operator: Stage = {
    title: "operator: the Helm chart",
    async run(report) {
      await installOperator(stand().cluster, await loadImages(stand().cluster, report), report);
      return undefined;
    },
  };
  const machine = await machineStages("cluster", screen, signal);
  await runStages(screen, [...machine, cluster, operator, ...quickstartStages(stand)], { signal });
  await showQuickstart(stand(), session);
}
