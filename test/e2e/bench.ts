/**
 * The base of every end-to-end test: a real cluster with the chart installed, and namespaces with a small model, data and a
 * store behind claims. The tests use kubectl like a user, and count the requests in the API server's audit log.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { installOperator, loadImages, operatorNamespace } from "../../demo/install.ts";
import type { Stand } from "../../demo/quickstart.ts";
import type { Condition } from "../../operator/api/common.ts";
import { findCondition } from "../../operator/api/conditions.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../../operator/api/kinds.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { writeTinyModel } from "../../trainer/testing/tinyModel.ts";
import { type Asked, isCarriedOut, isWrite, readAuditLog } from "../cluster/auditLog.ts";
import { type Cluster, startCluster, stopCluster } from "../cluster/cluster.ts";
import { provideDirectory } from "../cluster/volume.ts";
import { emulatedDriverInPod } from "./emulatedDriver.ts";

const definitions = path.resolve(import.meta.dirname, "../../crds");

/** Long, because other work on the machine may make everything several times slower. */
const patienceSeconds = 600;

export class Bench {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly operatorImage: string;
  readonly trainerImage: string;

  constructor(options: Pick<Bench, "cluster" | "directory" | "operatorImage" | "trainerImage">) {
    this.cluster = options.cluster;
    this.directory = options.directory;
    this.operatorImage = options.operatorImage;
    this.trainerImage = options.trainerImage;
  }

  /** Starts a new cluster and loads the images. Installs the chart with `operator`, else only its CRDs. */
  static async start({ name = "e2e", operator = true } = {}): Promise<Bench> {
    // The leftovers of an interrupted run are useless.
    await stopCluster(name);
    const cluster = await startCluster({ name });
    const images = await loadImages(cluster, () => {});
    const directory = cluster.scratch;
    await writeInputs(path.join(directory, "inputs"));
    // Only a training on a GPU loads it.
    const driver = `trainer.env.LUTHIER_CUDA_DRIVER=${emulatedDriverInPod}`;
    if (operator) await installOperator(cluster, images, () => {}, [driver]);
    else await cluster.kubectl(["apply", "--server-side", "-f", definitions]);
    const [operatorImage, trainerImage] = [images.operator.name, images.trainer.name];
    return new Bench({ cluster, directory, operatorImage, trainerImage });
  }

  /** Removes the cluster with everything that tests wrote to its `directory`. */
  async stop(): Promise<void> {
    await this.cluster.stop();
  }

  /** A new namespace with the claims `inputs` and `store`. */
  async namespace(name: string): Promise<Team> {
    await this.#createNamespace(name);
    const { store } = this.team(name);
    await provideDirectory(this.cluster, {
      namespace: name,
      claim: "inputs",
      directory: path.join(this.directory, "inputs"),
    });
    await provideDirectory(this.cluster, { namespace: name, claim: "store", directory: store });
    return this.team(name);
  }

  /** A new namespace for the demo. */
  async stand(name: string): Promise<Stand> {
    await this.#createNamespace(name);
    return { cluster: this.cluster, namespace: name, state: path.join(this.directory, name) };
  }

  /** Access to an existing namespace. */
  team(name: string): Team {
    return new Team(this.cluster, name, path.join(this.directory, name));
  }

  async #createNamespace(name: string): Promise<void> {
    await this.cluster.kubectl(["create", "namespace", name]);
    await this.cluster.kubectl(["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
  }

  /** All requests of a user to the API server, about any object and with any response. */
  askedBy(user: string): Asked[] {
    return readAuditLog(this.cluster.auditLog, `"username":"${user}"`).filter((one) => one.user === user);
  }

  /** All requests of the installed operator. */
  askedByOperator(): Asked[] {
    return this.askedBy(`system:serviceaccount:${operatorNamespace}:luthier`);
  }

  /** Ends the operator's process by SIGKILL; the kubelet restarts it. */
  async killOperator(): Promise<void> {
    const pod = only(await this.team(operatorNamespace).list("pods", "-l", "app.kubernetes.io/component=operator"));
    // It may still be restarting after the last time.
    for (const end = Date.now() + 60_000; processesOf(pod).length === 0 && Date.now() < end; ) await sleep(100);
    killProcessesOf(pod);
  }
}

/** One namespace: its requests and its objects. */
export class Team {
  readonly #cluster: Cluster;
  readonly name: string;
  /** The directory of the claim `store`. */
  readonly store: string;

  constructor(cluster: Cluster, name: string, store: string) {
    this.#cluster = cluster;
    this.name = name;
    this.store = store;
  }

  kubectl(...args: string[]): Promise<string> {
    return this.#cluster.kubectl(["--namespace", this.name, ...args]);
  }

  apply(manifest: object, ...more: string[]): Promise<string> {
    return this.#cluster.kubectl(["--namespace", this.name, "apply", ...more, "-f", "-"], JSON.stringify(manifest));
  }

  /** Replaces the status of an object, like a restore or an attacker; undefined removes it. */
  async setStatus(kind: string, name: string, status: object | undefined): Promise<void> {
    const change = status === undefined ? { op: "remove" } : { op: "add", value: status };
    const patch = JSON.stringify([{ ...change, path: "/status" }]);
    await this.kubectl("patch", kind, name, "--subresource=status", "--type=json", "-p", patch);
  }

  /** Evicts a pod through the eviction API, like a drained node or a preempting scheduler. */
  evict(pod: string): Promise<string> {
    const path = `/api/v1/namespaces/${this.name}/pods/${pod}/eviction`;
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: this.name } };
    return this.#cluster.kubectl(["create", "--raw", path, "-f", "-"], JSON.stringify(eviction));
  }

  async #read<T>(...args: string[]): Promise<T[]> {
    const { items } = JSON.parse(await this.kubectl("get", "-o", "json", ...args));
    return items;
  }

  list(kind: string, ...more: string[]): Promise<KubeObject[]> {
    return this.#read<KubeObject>(kind, ...more);
  }

  adapters(): Promise<Adapter[]> {
    return this.#read<Adapter>("adapters");
  }

  runs(): Promise<FineTuneRun[]> {
    return this.#read<FineTuneRun>("finetuneruns");
  }

  /** The only Adapter of this namespace. */
  async adapter(): Promise<Adapter> {
    return only(await this.adapters());
  }

  /** The only run of this namespace. */
  async run(): Promise<FineTuneRun> {
    return only(await this.runs());
  }

  /** Waits until the FineTuneJob fulfils `holds`; otherwise throws an error with its last status. */
  until(
    name: string,
    what: string,
    holds: (job: FineTuneJob) => boolean,
    seconds = patienceSeconds,
  ): Promise<FineTuneJob> {
    return this.#watch<FineTuneJob>("finetunejobs", name, what, holds, seconds);
  }

  /** Uses one `kubectl get --watch`, because polling would take a core of the machine. */
  async #watch<T extends KubeObject & { status?: unknown }>(
    kind: string,
    name: string,
    what: string,
    holds: (one: T) => boolean,
    seconds: number,
  ): Promise<T> {
    const args = ["get", kind, `--field-selector=metadata.name=${name}`, "--watch", "--output=json"];
    const { programs, environment } = this.#cluster;
    const kubectl = spawn(programs.kubectl, ["--namespace", this.name, ...args], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
      timeout: seconds * 1000,
    });
    let last: T | undefined;
    try {
      for await (const one of objectsIn(kubectl.stdout)) {
        last = one as T;
        if (holds(last)) return last;
      }
    } finally {
      kubectl.kill();
    }
    throw new Error(`${name} was not ${what} within ${seconds} s: ${JSON.stringify(last?.status, null, 1)}`);
  }

  untilReady(name: string, seconds?: number): Promise<FineTuneJob> {
    return this.until(name, "Ready", (job) => condition(job, "Ready")?.status === "True", seconds);
  }

  untilStalled(name: string, seconds?: number): Promise<Condition> {
    return this.until(name, "Stalled", (job) => condition(job, "Stalled") !== undefined, seconds).then(
      (job) => condition(job, "Stalled")!,
    );
  }

  /** Waits until its training has made some steps. */
  untilTraining(name: string): Promise<FineTuneJob> {
    return this.until(
      name,
      "training",
      ({ status }) => status?.state === "Training" && status.progress?.phase === "Training",
    );
  }

  /** Waits until the FineTuneRun of that name is in `state`. */
  async untilRun(name: string, state: string): Promise<void> {
    await this.#watch<FineTuneRun>(
      "finetuneruns",
      name,
      state,
      ({ status }) => status?.state === state,
      patienceSeconds,
    );
  }

  /** All requests about this namespace, including refused ones, oldest first. */
  asked(): Asked[] {
    return readAuditLog(this.#cluster.auditLog, `"namespace":"${this.name}"`).filter(
      ({ namespace }) => namespace === this.name,
    );
  }

  /** Successful writes in this namespace, oldest first. */
  written(): Asked[] {
    return this.asked().filter((one) => isWrite(one) && isCarriedOut(one));
  }

  /** The number of all created objects of a kind in this namespace. */
  created(resource: string): number {
    return this.written().filter((one) => one.verb === "create" && one.resource === resource && !one.subresource)
      .length;
  }
}

/** Parses objects from kubectl's stream: each ends with a line that contains only its closing brace. */
export async function* objectsIn(output: Readable): AsyncGenerator<unknown> {
  let lines: string[] = [];
  for await (const line of createInterface({ input: output })) {
    lines.push(line);
    if (line !== "}") continue;
    yield JSON.parse(lines.join("\n"));
    lines = [];
  }
}

/** Ends the processes of a pod by SIGKILL, like the kernel; they run on this machine. */
export function killProcessesOf(pod: KubeObject): void {
  const ours = processesOf(pod);
  if (ours.length === 0) throw new Error(`no process of pod ${pod.metadata.name} is found in /proc`);
  for (const pid of ours) process.kill(Number(pid), "SIGKILL");
}

function processesOf({ metadata }: KubeObject): string[] {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && isOfPod(entry, metadata.uid ?? ""));
}

/** Whether the process is in the pod's control group; excludes the pause program, which holds the pod's namespaces. */
function isOfPod(pid: string, uid: string): boolean {
  try {
    const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`pod${uid}`) && program.endsWith("node");
  } catch {
    // It has just ended.
    return false;
  }
}

export function condition({ status }: { status?: { conditions?: Condition[] | undefined } }, type: string) {
  return findCondition(status?.conditions, type);
}

function only<T>(items: readonly T[]): T {
  const [item, ...others] = items;
  if (item === undefined || others.length > 0) throw new Error(`one was expected, there are ${items.length}`);
  return item;
}

/** A FineTuneJob on the small model; `change` replaces members of its spec. */
export function manifest(name: string, change: Record<string, unknown> = {}): object {
  return {
    apiVersion: "luthier.dev/v1alpha1",
    kind: "FineTuneJob",
    metadata: { name },
    spec: {
      baseModel: { uri: "pvc://inputs/model" },
      dataset: { sources: [{ uri: "pvc://inputs/train.jsonl" }], maxSequenceLength: 128 },
      method: { lora: { rank: 4 } },
      training: { maxSteps: 20, batchTokens: 512, learningRate: "1e-2", checkpoint: { everySteps: 5 } },
      placement: { gpusPerNode: 0, resources: { limits: { memory: "1Gi" } } },
      artifacts: { uri: "pvc://store" },
      ...change,
    },
  };
}

/** Settings of a training that lasts long enough to disturb it. */
export const long = { maxSteps: 1200, batchTokens: 2048, learningRate: "1e-2", checkpoint: { everySteps: 10 } };

async function writeInputs(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await writeTinyModel(path.join(directory, "model"));
  writeFileSync(path.join(directory, "train.jsonl"), parity(0, 400));
  writeFileSync(path.join(directory, "test.jsonl"), parity(1000, 1040));
  writeFileSync(path.join(directory, "bad.jsonl"), `${parity(0, 6)}{"messages": [\n${parity(6, 9)}`);
  await writeTinyModel(path.join(directory, "gpt2"));
  writeFileSync(path.join(directory, "gpt2/config.json"), JSON.stringify({ model_type: "gpt2", ...gpt2Shape }));
}

const gpt2Shape = {
  vocab_size: 259,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 256,
};

/** Examples with the question whether a number is odd or even. */
function parity(from: number, to: number): string {
  const row = (number: number) => ({
    messages: [
      { role: "user", content: `Is ${number} odd or even?` },
      { role: "assistant", content: number % 2 === 0 ? "even" : "odd" },
    ],
  });
  return Array.from({ length: to - from }, (_, index) => `${JSON.stringify(row(from + index))}\n`).join("");
}

/** The error message of a failing command. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("it was accepted");
}
