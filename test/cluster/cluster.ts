// A real Kubernetes on this machine: etcd, the control plane, and one node with containerd, all in namespaces of their
// own (sandbox.ts), so that several clusters live side by side and a stopped one leaves nothing behind.
//
// A cluster is either running and answering, or it is started anew from nothing: there is no state in between to repair.

import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { recipeDigest } from "../../tools/setup/cache.ts";
import { type OnProgress, withHeartbeat } from "../../tools/setup/progress.ts";
import type { SpaceNeed } from "../../tools/setup/space.ts";
import { boot, until } from "./boot.ts";
import { allComponents } from "./components.ts";
import { configurationFiles, type Snapshotter } from "./configuration.ts";
import { type Cluster, clusterAt, nodeIsReady, type Place } from "./handle.ts";
import { type Paths, pathsOf } from "./layout.ts";
import { withLock } from "./lock.ts";
import { buildPrograms } from "./programs.ts";
import { findSandbox, readNetwork, runningSandboxes, startSandbox, stopSandbox } from "./sandbox.ts";

export type { Cluster } from "./handle.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** A busy machine may not answer at once; only a cluster that stays silent this long is thrown away. */
const SILENCE_S = 30;

export interface ClusterOptions {
  /** Clusters of different names (or checkouts) run side by side. */
  readonly name: string;
  readonly onProgress?: OnProgress;
  /** Aborted: a start that goes on is given up. */
  readonly signal?: AbortSignal;
}

/**
 * A running cluster of that name: the one that runs already, if it answers and was started from the same recipe,
 * else a new and empty one. Needs root and the packages of the "cluster" purpose (tools/setup).
 */
export async function startCluster({ name, onProgress = () => {}, signal }: ClusterOptions): Promise<Cluster> {
  const paths = pathsOf(REPOSITORY, name);
  const programs = await buildPrograms(onProgress, signal);
  return withLock(paths.lock, `cluster "${name}"`, () =>
    withHeartbeat(onProgress, async (report) => {
      report({ stage: "start cluster", message: "namespaces and network", fraction: 0 });
      return (await runningCluster(name, paths, programs)) ?? startAnew(name, paths, programs, report, signal);
    }),
  );
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

/** What a cluster writes: its images, unpacked, etcd, and what is behind its volumes. */
export function clusterNeed(): SpaceNeed {
  const { state } = pathsOf(REPOSITORY, "any");
  return { what: "the cluster", directory: path.dirname(state), bytes: 2 * 2 ** 30 };
}

/** Names of the clusters of this checkout that run now. */
export function runningClusters(): string[] {
  const directory = path.dirname(pathsOf(REPOSITORY, "any").state);
  return runningSandboxes()
    .filter(({ state }) => path.dirname(state) === directory)
    .map(({ state }) => path.basename(state));
}

async function startAnew(
  name: string,
  paths: Paths,
  programs: string,
  report: OnProgress,
  signal: AbortSignal | undefined,
): Promise<Cluster> {
  await discard(paths);
  mkdirSync(paths.state, { recursive: true });
  try {
    const place = { name, paths, programs, snapshotter: snapshotterFor(paths.state), ...(await startSandbox(paths)) };
    const cluster = clusterAt(place, () => stopCluster(name));
    await boot(place, cluster, report, signal);
    writeFileSync(paths.ready, recipe(place));
    report({ stage: "start cluster", message: `ready: ${paths.kubeconfig}`, fraction: 1 });
    return cluster;
  } catch (error) {
    // The logs stay for whoever looks into it; the next start throws them away.
    await stopSandbox(paths);
    throw error;
  }
}

async function runningCluster(name: string, paths: Paths, programs: string): Promise<Cluster | undefined> {
  const sandbox = findSandbox(paths.state);
  const network = readNetwork(paths);
  if (sandbox === undefined || network === undefined || !existsSync(paths.ready)) return undefined;
  const place = { name, paths, network, sandbox, programs, snapshotter: snapshotterFor(paths.state) };
  if (readFileSync(paths.ready, "utf8") !== recipe(place)) return undefined;
  const cluster = clusterAt(place, () => stopCluster(name));
  return until("the node", SILENCE_S, () => nodeIsReady(cluster)).then(
    () => cluster,
    () => undefined,
  );
}

async function discard(paths: Paths): Promise<void> {
  await stopSandbox(paths);
  rmSync(paths.state, { recursive: true, force: true });
}

/** The kernel stacks no overlay on an overlay (its magic number: statfs(2)). */
function snapshotterFor(directory: string): Snapshotter {
  return statfsSync(directory).type === 0x794c7630 ? "native" : "overlayfs";
}

/** What a running cluster was started from: where its programs are, and the digest of arguments and configuration. */
function recipe({ paths, network, programs, snapshotter }: Place): string {
  const parts = [allComponents(paths, network), configurationFiles(paths, network, snapshotter)];
  const digest = recipeDigest([JSON.stringify(parts)]);
  return `${programs}\n${digest}\n`;
}
