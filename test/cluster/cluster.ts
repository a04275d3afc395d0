// A real Kubernetes on this machine: etcd, the control plane, and one node with containerd, all in separate namespaces
// (sandbox.ts), so that several clusters run in parallel and a stopped one leaves nothing behind.
//
// A cluster either runs and responds, or is started from nothing: there is no intermediate state to repair.

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
/** A busy machine may respond late; a cluster is discarded only after this long a silence. */
const SILENCE_S = 30;

export interface ClusterOptions {
  /** Clusters of different names (or checkouts) run in parallel. */
  readonly name: string;
  readonly onProgress?: OnProgress;
  /** If aborted, a running start is cancelled. */
  readonly signal?: AbortSignal;
}

/**
 * Returns a running cluster of that name: the existing one if it responds and has the same recipe, else a new and empty one.
 * Needs root and the packages of the "cluster" purpose (tools/setup).
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

/** The running cluster of that name, if it exists and responds. Starts and builds nothing. */
export async function findCluster(name: string): Promise<Cluster | undefined> {
  const paths = pathsOf(REPOSITORY, name);
  if (!existsSync(paths.ready)) return undefined;
  const [programs] = readFileSync(paths.ready, "utf8").split("\n");
  return programs === undefined ? undefined : runningCluster(name, paths, programs);
}

/** Stops the cluster of that name in any state, and removes everything that it put on the machine. */
export async function stopCluster(name: string): Promise<void> {
  const paths = pathsOf(REPOSITORY, name);
  await withLock(paths.lock, `cluster "${name}"`, () => discard(paths));
}

/** Disk space of a cluster: its unpacked images, etcd, and its volumes. */
export function clusterNeed(): SpaceNeed {
  const { state } = pathsOf(REPOSITORY, "any");
  return { what: "the cluster", directory: path.dirname(state), bytes: 2 * 2 ** 30 };
}

/** Names of this checkout's running clusters. */
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
    // The logs stay for debugging; the next start removes them.
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

/** The kernel does not support an overlay on an overlay (its magic number: statfs(2)). */
function snapshotterFor(directory: string): Snapshotter {
  return statfsSync(directory).type === 0x794c7630 ? "native" : "overlayfs";
}

/** The recipe of a running cluster: the directory of its programs, and the digest of arguments and configuration. */
function recipe({ paths, network, programs, snapshotter }: Place): string {
  const parts = [allComponents(paths, network), configurationFiles(paths, network, snapshotter)];
  const digest = recipeDigest([JSON.stringify(parts)]);
  return `${programs}\n${digest}\n`;
}
