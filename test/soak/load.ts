/**
 * Many FineTuneJobs at once: measures the operator's costs, its delays, and its requests once everything has settled. API
 * server, controllers and scheduler are real; the nodes are not (fakeNodes.ts). The audit log gives the counts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import type { Report, Stage } from "../../terminal/stages.ts";
import { type Asked, counted, isCarriedOut, isWrite } from "../cluster/auditLog.ts";
import { Bench, condition, manifest, type Team } from "../e2e/bench.ts";
import { accountKubeconfig } from "../faults/leader.ts";
import { OperatorProcess } from "../faults/operatorProcess.ts";
import { onFakeNodes, startFakeNodes } from "./fakeNodes.ts";

const namespace = "load";
const account = "operator";
const patienceMs = 60 * 60_000;
/** Wait after the last change, until all of its consequences are done. */
const settlingMs = 30_000;

export interface LoadOptions {
  jobs: number;
  idleSeconds: number;
}

class Load {
  readonly #bench: Bench;
  readonly #operator: OperatorProcess;
  readonly #endNodes: () => void;
  readonly team: Team;

  private constructor(bench: Bench, team: Team, operator: OperatorProcess, endNodes: () => void) {
    this.#bench = bench;
    this.team = team;
    this.#operator = operator;
    this.#endNodes = endNodes;
  }

  static async start(report: Report): Promise<Load> {
    const bench = await Bench.start({ name: "load", operator: false });
    const endNodes = await startFakeNodes(bench, report);
    await bench.cluster.kubectl(["create", "namespace", namespace]);
    await bench.cluster.kubectl(["apply", "-f", "-"], JSON.stringify(claims()));
    const kubeconfig = await accountKubeconfig(bench, namespace, account);
    const lease = ["--leader-elect", "--lease-namespace", namespace];
    const operator = new OperatorProcess({
      arguments: ["--trainer-image", bench.trainerImage, "--namespace", namespace, ...lease],
      kubeconfig,
    });
    return new Load(bench, bench.team(namespace), operator, endNodes);
  }

  async stop(): Promise<void> {
    this.#operator.end();
    this.#endNodes();
    await this.#bench.stop();
  }

  /** Time from the first `kubectl apply` until every FineTuneJob is Ready. */
  async settle(count: number, report: Report): Promise<string> {
    this.#operator.start();
    const started = Date.now();
    await this.team.apply({ apiVersion: "v1", kind: "List", items: Array.from({ length: count }, fineTuneJob) });
    for (let ready = 0; ready < count; await sleep(3_000)) {
      const jobs = await this.team.list("finetunejobs");
      ready = jobs.filter((job) => condition(job as FineTuneJob, "Ready")?.status === "True").length;
      report({ message: `${ready} of ${count} are Ready`, fraction: ready / count });
      if (Date.now() - started > patienceMs)
        throw new Error(`${count - ready} of ${count} are not Ready after an hour`);
    }
    return `${Math.round((Date.now() - started) / 1000)} s`;
  }

  /** Writes of the operator per FineTuneJob, by kind. */
  writes(count: number): string {
    const written = this.#asked().filter((one) => isWrite(one) && isCarriedOut(one) && !isRenewal(one));
    const kinds = Map.groupBy(written, ({ resource, subresource }) =>
      [resource, subresource].filter(Boolean).join("/"),
    );
    const each = [...kinds].map(([kind, all]) => `${kind} ${(all.length / count).toFixed(1)}`).sort();
    return `${(written.length / count).toFixed(1)} a FineTuneJob: ${each.join(", ")}`;
  }

  /**
   * Times from a FineTuneJob's creation to that of its first Job, which is the operator's part, and to that of the Job's pod,
   * with a resolution of one second.
   */
  async delays(): Promise<string> {
    const made = this.team.written().filter(({ verb, subresource }) => verb === "create" && !subresource);
    const times = (resource: string) =>
      made.filter((one) => one.resource === resource).map(({ name, at }): [string, string] => [name, at]);
    const pods = (await this.team.list("pods", "-l", "luthier.dev/stage=prepare")).map(({ metadata }) => metadata);
    const podTimes = pods.map(({ name, creationTimestamp = "" }): [string, string] => [name, creationTimestamp]);
    const since = (later: readonly [string, string][]) =>
      times("finetunejobs").map(([name, at]) => {
        const [, first = ""] = later.find(([other]) => other.startsWith(`${name}-prep-`)) ?? [];
        return (Date.parse(first) - Date.parse(at)) / 1000;
      });
    return `to its Job ${spread(since(times("jobs")))}, to its Pod ${spread(since(podTimes))}`;
  }

  usage(): string {
    const { residentBytes, peakBytes, cpuSeconds } = this.#operator.usage();
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    return `resident ${mib(residentBytes)} now, ${mib(peakBytes)} at most; ${cpuSeconds.toFixed(0)} s of processor`;
  }

  /** Watches the settled operator; throws if it requests any write except of its Lease, even a refused one. */
  async idle(seconds: number, report: Report): Promise<string> {
    report({ message: "waiting until everything has settled" });
    await sleep(settlingMs);
    const from = new Date().toISOString();
    const before = this.#operator.usage().cpuSeconds;
    for (let second = 0; second < seconds; second++) {
      report({ message: "watching", fraction: second / seconds });
      await sleep(1_000);
    }
    const cpu = this.#operator.usage().cpuSeconds - before;
    const since = this.#asked().filter(({ at }) => at > from);
    const others = since.filter((one) => !isRenewal(one));
    const writes = others.filter(isWrite);
    if (writes.length > 0) throw new Error(`written while idle: ${counted(writes)}`);
    return `no write requested in ${seconds} s but ${since.filter(isWrite).length} of the Lease; reads: ${counted(others) || "none"}; ${cpu.toFixed(1)} s of processor`;
  }

  /** All requests of the operator. */
  #asked(): Asked[] {
    return this.#bench.askedBy(`system:serviceaccount:${namespace}:${account}`);
  }
}

/** Reads and writes of the Lease. */
const isRenewal = ({ resource, code }: Asked) => resource === "leases" && code < 300;

function fineTuneJob(_: unknown, index: number): object {
  return manifest(`job-${index}`, {
    // Each has its own run, all on the same inputs.
    training: { maxSteps: 60, batchTokens: 512, seed: index },
    placement: { gpusPerNode: 0, resources: { limits: { memory: "2Gi" } }, ...onFakeNodes },
    adapter: { exports: [{ name: "merged", merged: {} }] },
  });
}

/** Claims that are bound on any node, because nothing mounts them. */
function claims(): object {
  const size = { storage: "1Gi" };
  const shared = { accessModes: ["ReadWriteMany"], storageClassName: "" };
  const items = ["inputs", "store"].flatMap((name) => [
    {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: { ...shared, capacity: size, hostPath: { path: "/nowhere" }, claimRef: { namespace, name } },
    },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace },
      spec: { ...shared, volumeName: name, resources: { requests: size } },
    },
  ]);
  return { apiVersion: "v1", kind: "List", items };
}

/** The median, the 99th percentile and the maximum, in seconds. */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(1);
  return `${at(0.5)} s (p50), ${at(0.99)} s (p99), ${at(1)} s (last)`;
}

export function loadStages({ jobs, idleSeconds }: LoadOptions): { stages: Stage[]; close(): Promise<void> } {
  let load: Load | undefined;
  const started = () => {
    if (load === undefined) throw new Error("the cluster did not start");
    return load;
  };
  const stages: Stage[] = [
    {
      title: "a cluster with nodes simulated by kwok",
      async run(report) {
        report({ message: "starting" });
        load = await Load.start(report);
        return undefined;
      },
    },
    { title: `${jobs} FineTuneJobs to Ready`, run: (report) => started().settle(jobs, report) },
    { title: "from apply", run: () => started().delays() },
    { title: "writes of the operator", run: async () => started().writes(jobs) },
    { title: "the operator", run: async () => started().usage() },
    { title: "settled", run: (report) => started().idle(idleSeconds, report) },
    { title: "the operator afterwards", run: async () => started().usage() },
  ];
  return { stages, close: async () => load?.stop() };
}
