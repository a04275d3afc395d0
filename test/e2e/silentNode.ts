/** A node that becomes unreachable while a training runs on it. */
import { test } from "node:test";
import { type Bench, condition, long, manifest } from "./bench.ts";

/** While its node is silent no pod starts or ends; running ones continue. */
export function silentNodeTests(bench: () => Bench): void {
  test("the message names an unreachable node; when it responds again, the training's state is shown again", async () => {
    const team = await bench().namespace("silent");
    const limits = { gpusPerNode: 0, resources: { limits: { memory: "1Gi", cpu: "500m" } } };
    await team.apply(manifest("silent", { training: { ...long, maxSteps: 100_000 }, placement: limits }));
    await team.untilTraining("silent");
    bench().cluster.pause("kubelet");
    try {
      const expected = /Node \S+ does not respond.*kubectl delete node/;
      await team.until("silent", "silent", (job) => expected.test(condition(job, "Ready")?.message ?? ""));
    } finally {
      bench().cluster.resume("kubelet");
    }
    await team.untilTraining("silent");
    await team.kubectl("delete", "finetunejob", "silent");
  });
}
