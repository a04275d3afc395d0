/**
 * One whole life, from an applied FineTuneJob to a verified export, with faults on the way. Its invariant for all faults:
 * everything is created once, by the API server's audit log.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type Bench, manifest, type Team } from "../e2e/bench.ts";
import { type Plan, startFaultProxy } from "./faultProxy.ts";
import { OperatorProcess } from "./operatorProcess.ts";

export interface Lived {
  faults: readonly string[];
  /** The number of operator processes of this life. */
  starts: number;
  seconds: number;
  /** Successful writes in the namespace, including those of the cluster's own controllers. */
  writes: number;
}

/** Runs one life in a separate namespace; throws if something was done twice or not at all. */
export async function lead(bench: Bench, name: string, plan: Plan, patienceSeconds = 1200): Promise<Lived> {
  const proxy = await startFaultProxy(bench.cluster.kubeconfig, plan, () => operator.signal("SIGKILL"));
  const kubeconfig = path.join(bench.directory, `${name}.kubeconfig`);
  writeFileSync(kubeconfig, proxy.kubeconfig);
  const operator = new OperatorProcess({
    arguments: ["--trainer-image", bench.trainerImage, "--namespace", name],
    kubeconfig,
    supervised: true,
  });
  try {
    const team = await bench.namespace(name);
    const started = Date.now();
    operator.start();
    const adapter = { exports: [{ name: "merged", merged: {} }] };
    await team.apply(manifest("job", { training: { maxSteps: 3, batchTokens: 512 }, adapter }));
    await team.untilReady("job", patienceSeconds);
    await madeOnce(team, proxy.faults);
    const seconds = (Date.now() - started) / 1000;
    return { faults: proxy.faults, starts: operator.starts, seconds, writes: team.written().length };
  } finally {
    operator.end();
    proxy.close();
  }
}

async function madeOnce(team: Team, faults: readonly string[]): Promise<void> {
  const { status } = await team.run();
  const made = ["finetuneruns", "adapters", "jobs", "pods"].map((kind) => team.created(kind));
  assert.deepEqual(made, [1, 1, 3, 3], `runs, Adapters, Jobs and pods after\n${faults.join("\n")}`);
  const attempts = status?.attempts?.map(({ number, outcome }) => `${number} ${outcome}`);
  assert.deepEqual(attempts, ["1 Succeeded"], faults.join("\n"));
}
