// Starts a cluster: writes files, starts programs in order, and waits until each responds.
// If a program ends during the start, the start fails at once, with the end of the program's log.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, tail } from "../../terminal/runProgram.ts";
import type { OnProgress } from "../../tools/setup/progress.ts";
import { identities, writeCertificates } from "./certificates.ts";
import { apiServer, type Component, containerd, controllers, kubeconfig, nodeAgents, serverUrl } from "./components.ts";
import { configurationFiles } from "./configuration.ts";
import { type Cluster, containerdClient, nodeIsReady, type Place } from "./handle.ts";
import { DNS_SERVICE_ADDRESS } from "./layout.ts";
import { pauseImage } from "./pause.ts";
import { spawnInside } from "./sandbox.ts";

const STAGE = "start cluster";
/** Long, for busy machines: a program that cannot become ready usually ends, which is detected at once. */
const PATIENCE_S = 180;

/** Brings the cluster up in its sandbox; resolves when pods can run. */
export async function boot(
  place: Place,
  cluster: Cluster,
  report: OnProgress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { paths, sandbox, network, programs } = place;
  const at = (fraction: number, message: string) => report({ stage: STAGE, message, fraction });
  at(0.1, "certificates and configuration");
  await writeFiles(place);
  const starter = new Starter(place, signal);
  try {
    at(0.2, "waiting for etcd, the API server and containerd");
    for (const component of [...apiServer(paths, network), containerd(paths)]) starter.start(component);
    await starter.until("containerd", async () => (await containerdClient(sandbox, "version")) !== "");
    await cluster.loadImage(await pauseImage(programs));
    await starter.until("the API server", async () => (await cluster.kubectl(["get", "--raw=/readyz"])) === "ok");
    for (const component of [...controllers(paths), ...nodeAgents(paths, network)]) starter.start(component);
    at(0.6, "waiting for controllers, scheduler, kubelet and proxy");
    await starter.until("the node", () => nodeIsReady(cluster));
    const account = ["get", "serviceaccount", "default", "-o", "name"];
    await starter.until("the default service account", async () => (await cluster.kubectl(account)) !== "");
    await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(unansweredDns));
  } finally {
    starter.done();
  }
}

/** Starts programs and watches for ended ones until the start is done. */
class Starter {
  readonly #place: Place;
  readonly #signal: AbortSignal | undefined;
  #listening = true;
  #failure: Error | undefined;

  constructor(place: Place, signal: AbortSignal | undefined) {
    this.#place = place;
    this.#signal = signal;
  }

  start({ name, program, args }: Component): void {
    const { paths, programs, sandbox } = this.#place;
    const log = path.join(paths.logs, `${name}.log`);
    spawnInside(sandbox, path.resolve(programs, program), args, log, (status) => {
      if (!this.#listening) return;
      const lastLines = tail(readFileSync(log, "utf8").trim(), 15);
      this.#failure ??= new Error(`${name} ended (${status}). The end of ${log}:\n${lastLines}`);
    });
  }

  /** Polls until the condition holds; a failed command counts as no. */
  async until(what: string, ask: () => Promise<boolean>): Promise<void> {
    await until(what, PATIENCE_S, () => {
      this.#signal?.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      return ask();
    });
  }

  done(): void {
    this.#listening = false;
  }
}

/** Polls until the condition holds; a CommandError counts as no, another error ends the polling. */
export async function until(what: string, seconds: number, ask: () => Promise<boolean>): Promise<void> {
  let last = "";
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    try {
      if (await ask()) return;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      last = `:\n${error.message}`;
    }
  }
  throw new Error(`${what} did not become ready within ${seconds} s${last}`);
}

async function writeFiles({ paths, network, snapshotter }: Place): Promise<void> {
  const everyone = identities(network.nodeAddress);
  await writeCertificates(paths.certificates, everyone);
  for (const [name, content] of Object.entries(configurationFiles(paths, network, snapshotter))) {
    const file = path.join(paths.configuration, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const read = (name: string) => readFileSync(path.join(paths.certificates, name), "utf8");
  for (const { name } of everyone) {
    const file = name === "admin" ? paths.kubeconfig : path.join(paths.configuration, `${name}.kubeconfig`);
    const pem = { ca: read("ca.crt"), certificate: read(`${name}.crt`), key: read(`${name}.key`) };
    writeFileSync(file, kubeconfig(serverUrl(network), name, pem), { mode: 0o600 });
  }
}

/** There is no DNS in the cluster. A service without endpoints makes look-ups fail at once instead of timing out. */
const unansweredDns = {
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
};
