// A real Kubernetes on this machine: etcd, the control plane, and one node with containerd, all in namespaces of their
// own (sandbox.ts), so that several clusters live side by side and a stopped one leaves nothing behind.
//
// A cluster is either running and answering, or it is started anew from nothing: there is no state in between to repair.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { recipeDigest } from "../../tools/setup/cache.ts";
import { CommandError, run, tail } from "../../tools/setup/command.ts";
import { type OnProgress, withHeartbeat } from "../../tools/setup/progress.ts";
import { identities, writeCertificates } from "./certificates.ts";
import {
  CONTAINERD_SOCKET,
  type Component,
  containerd,
  controlPlane,
  directAddresses,
  kubeconfig,
  nodeAgents,
  serverUrl,
} from "./components.ts";
import { configurationFiles } from "./configuration.ts";
import { DNS_SERVICE_ADDRESS, type Network, NODE_NAME, type Paths, pathsOf } from "./layout.ts";
import { withLock } from "./lock.ts";
import { pauseImage } from "./pause.ts";
import { buildPrograms } from "./programs.ts";
import {
  findSandbox,
  readNetwork,
  runInside,
  type Sandbox,
  spawnInside,
  startSandbox,
  stopSandbox,
} from "./sandbox.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const STAGE = "start cluster";

export interface Cluster {
  readonly name: string;
  /** Path of an admin kubeconfig; works from this machine as it is. */
  readonly kubeconfig: string;
  /** Path of the API server's audit log: one JSON event a line. */
  readonly auditLog: string;
  /** Directory with one log file a component. */
  readonly logs: string;
  /** Absolute paths of the programs that fit this cluster. */
  readonly programs: { readonly kubectl: string; readonly helm: string };
  /** The machine's address as the pods reach it: for servers that run outside the cluster. */
  readonly hostAddress: string;
  /** Runs kubectl as the administrator; resolves with stdout, rejects with CommandError. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Runs helm as the administrator; resolves with stdout, rejects with CommandError. */
  helm(args: readonly string[], stdin?: string): Promise<string>;
  /** Imports an OCI or docker archive; the image names in it are then usable in pods. */
  loadImage(archive: string): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Clusters of different names (or checkouts) run side by side. */
  readonly name: string;
  readonly onProgress?: OnProgress;
}

/**
 * A running cluster of that name: the one that runs already, if it answers and was started from the same recipe,
 * else a new and empty one. Needs root and the packages of the "cluster" purpose (tools/setup).
 */
export async function startCluster({ name, onProgress = () => {} }: ClusterOptions): Promise<Cluster> {
  const paths = pathsOf(REPOSITORY, name);
  const programs = await buildPrograms(onProgress);
  return withLock(paths.lock, `cluster "${name}"`, async () => {
    const running = await runningCluster(name, paths, programs);
    if (running !== undefined) return running;
    await discard(paths);
    try {
      return await withHeartbeat(onProgress, (report) => boot(name, paths, programs, report));
    } catch (error) {
      // The logs stay for whoever looks into it; the next start throws them away.
      await stopSandbox(paths);
      throw error;
    }
  });
}

/** The running cluster of that name, if there is one and it answers. Starts and builds nothing. */
export async function findCluster(name: string): Promise<Cluster | undefined> {
  const paths = pathsOf(REPOSITORY, name);
  if (!existsSync(paths.ready)) return undefined;
  const [programs] = readFileSync(paths.ready, "utf8").split("\n");
  return programs === undefined ? undefined : runningCluster(name, paths, programs);
}

/** Ends the cluster of that name, however far it had come, and removes all that it put on the machine. */
export async function stopCluster(name: string): Promise<void> {
  const paths = pathsOf(REPOSITORY, name);
  await withLock(paths.lock, `cluster "${name}"`, () => discard(paths));
}

async function discard(paths: Paths): Promise<void> {
  await stopSandbox(paths);
  rmSync(paths.state, { recursive: true, force: true });
}

async function runningCluster(name: string, paths: Paths, programs: string): Promise<Cluster | undefined> {
  const sandbox = findSandbox(paths.state);
  const network = readNetwork(paths);
  if (sandbox === undefined || network === undefined || !existsSync(paths.ready)) return undefined;
  if (readFileSync(paths.ready, "utf8") !== recipe(paths, network, programs)) return undefined;
  const cluster = handle(name, paths, network, sandbox, programs);
  const answers = await nodeIsReady(cluster).catch(() => false);
  return answers ? cluster : undefined;
}

async function boot(name: string, paths: Paths, programs: string, report: OnProgress): Promise<Cluster> {
  const at = (fraction: number, message: string) => report({ stage: STAGE, message, fraction });
  at(0, "namespaces and network");
  mkdirSync(paths.state, { recursive: true });
  const { sandbox, network } = await startSandbox(paths);
  at(0.1, "certificates and configuration");
  await writeFiles(paths, network);
  const failed = new AbortController();
  const start = (component: Component) => {
    const log = path.join(paths.logs, `${component.name}.log`);
    const program = path.resolve(programs, component.program);
    spawnInside(sandbox, program, component.args, log, (status) => {
      failed.abort(
        new Error(
          `${component.name} ended (${status}). The end of ${log}:\n${tail(readFileSync(log, "utf8").trim(), 15)}`,
        ),
      );
    });
  };
  at(0.2, "etcd, API server, controllers, scheduler, containerd");
  for (const component of [...controlPlane(paths, network), containerd(paths)]) start(component);
  const cluster = handle(name, paths, network, sandbox, programs);
  await until("containerd", failed.signal, 30, () =>
    runInside(sandbox, "ctr", [...address(), "version"]).then(() => true),
  );
  await cluster.loadImage(await pauseImage(programs));
  for (const component of nodeAgents(paths, network)) start(component);
  at(0.4, "waiting for the API server");
  await until(
    "the API server",
    failed.signal,
    120,
    async () => (await cluster.kubectl(["get", "--raw=/readyz"])) === "ok",
  );
  at(0.7, "waiting for the node");
  await until("the node", failed.signal, 120, () => nodeIsReady(cluster));
  await until("the default service account", failed.signal, 60, () =>
    cluster.kubectl(["get", "serviceaccount", "default"]).then(() => true),
  );
  await cluster.kubectl(["apply", "-f", "-"], unansweredDns());
  writeFileSync(paths.ready, recipe(paths, network, programs));
  at(1, `ready: ${paths.kubeconfig}`);
  return cluster;
}

async function writeFiles(paths: Paths, network: Network): Promise<void> {
  await writeCertificates(paths.certificates, identities(network.nodeAddress));
  for (const [name, content] of Object.entries(configurationFiles(paths, network))) {
    const file = path.join(paths.configuration, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const read = (name: string) => readFileSync(path.join(paths.certificates, name), "utf8");
  for (const { name } of identities(network.nodeAddress)) {
    const file = name === "admin" ? paths.kubeconfig : path.join(paths.configuration, `${name}.kubeconfig`);
    const pem = { ca: read("ca.crt"), certificate: read(`${name}.crt`), key: read(`${name}.key`) };
    writeFileSync(file, kubeconfig(serverUrl(network), name, pem), { mode: 0o600 });
  }
}

function handle(name: string, paths: Paths, network: Network, sandbox: Sandbox, programs: string): Cluster {
  const kubectl = path.join(programs, "kubectl");
  const helm = path.join(programs, "helm");
  const direct = [process.env.NO_PROXY, directAddresses(network)].filter(Boolean).join(",");
  const env = { ...process.env, KUBECONFIG: paths.kubeconfig, NO_PROXY: direct, no_proxy: direct };
  const call = async (program: string, args: readonly string[], stdin = "") =>
    (await run(program, args, { env, stdin })).stdout;
  return {
    name,
    kubeconfig: paths.kubeconfig,
    auditLog: paths.auditLog,
    logs: paths.logs,
    programs: { kubectl, helm },
    hostAddress: network.hostAddress,
    kubectl: (args, stdin) => call(kubectl, args, stdin),
    helm: (args, stdin) => call(helm, args, stdin),
    loadImage: async (archive) => {
      await runInside(sandbox, "ctr", [
        ...address(),
        "--namespace",
        "k8s.io",
        "images",
        "import",
        path.resolve(archive),
      ]);
    },
    stop: () => stopCluster(name),
  };
}

function address(): string[] {
  return ["--address", CONTAINERD_SOCKET];
}

async function nodeIsReady(cluster: Cluster): Promise<boolean> {
  const condition = '{.status.conditions[?(@.type=="Ready")].status}';
  return (
    (await cluster.kubectl(["get", "node", NODE_NAME, "-o", `jsonpath=${condition}`, "--request-timeout=5s"])) ===
    "True"
  );
}

/** Asks until the answer is yes; an error counts as no. Gives up when a component has ended or time is over. */
async function until(what: string, failed: AbortSignal, seconds: number, ask: () => Promise<boolean>): Promise<void> {
  let last = "";
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    failed.throwIfAborted();
    try {
      if (await ask()) return;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      last = error.message;
    }
  }
  throw new Error(`${what} did not become ready within ${seconds} s${last === "" ? "" : `:\n${last}`}`);
}

/**
 * There is no DNS in the cluster. A service without endpoints makes look-ups fail at once instead of timing out.
 */
function unansweredDns(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace: "kube-system" },
    spec: {
      clusterIP: DNS_SERVICE_ADDRESS,
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
    },
  });
}

/** What a running cluster was started from: where its programs are, and the digest of arguments and configuration. */
function recipe(paths: Paths, network: Network, programs: string): string {
  const everything = [...controlPlane(paths, network), containerd(paths), ...nodeAgents(paths, network)];
  const digest = recipeDigest([JSON.stringify([everything, configurationFiles(paths, network)])]);
  return `${programs}\n${digest}\n`;
}
