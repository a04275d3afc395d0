/** A node that stops to answer while a training runs on it. */
import { test } from "node:test";
import { type Bench, condition, long, manifest } from "./bench.ts";

/** While its node is silent no pod begins or ends; those that compute go on. */
export function silentNodeTests(bench: () => Bench): void {
  test("a node that does not answer is named; when it answers again, the training is seen again", async () => {
    const team = await bench().namespace("silent");
    // Half a core, since it trains for as long as this takes and others want to get on.
    const limits = { gpusPerNode: 0, resources: { limits: { memory: "1Gi", cpu: "500m" } } };
    await team.apply(manifest("silent", { training: { ...long, maxSteps: 100_000 }, placement: limits }));
    await team.untilTraining("silent");
    bench().cluster.pause("kubelet");
    try {
      const says = /Node \S+ does not respond.*kubectl delete node/;
      await team.until("silent", "silent", (job) => says.test(condition(job, "Ready")?.message ?? ""));
    } finally {
      bench().cluster.resume("kubelet");
    }
    await team.untilTraining("silent");
    await team.kubectl("delete", "finetunejob", "silent");
  });
}
