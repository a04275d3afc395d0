// A caller's handle of a running cluster: its files, its programs, and common operations.

import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { CONTAINERD_SOCKET, directAddresses } from "./components.ts";
import type { Snapshotter } from "./configuration.ts";
import { type Network, NODE_NAME, type Paths } from "./layout.ts";
import { runInside, type Sandbox, signalInside } from "./sandbox.ts";

export interface Cluster {
  readonly name: string;
  /** Path of an admin kubeconfig, usable from this machine. */
  readonly kubeconfig: string;
  /** Path of the API server's audit log: one JSON event per line. */
  readonly auditLog: string;
  /** The environment for its clients: its kubeconfig, and no proxy for its addresses. */
  readonly environment: NodeJS.ProcessEnv;
  /** Directory with one log file per component. */
  readonly logs: string;
  /** Absolute paths of programs of the matching version. */
  readonly programs: { readonly kubectl: string; readonly helm: string };
  /** A directory for the cluster's users, removed with the cluster. */
  readonly scratch: string;
  /** The machine's address for pods that connect to servers outside the cluster. */
  readonly hostAddress: string;
  /** Runs kubectl as the administrator; resolves with stdout, rejects with CommandError. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Runs helm as the administrator; resolves with stdout, rejects with CommandError. */
  helm(args: readonly string[], stdin?: string): Promise<string>;
  /** Imports an OCI or docker archive; the image names in it are then usable in pods. */
  loadImage(archive: string): Promise<void>;
  /** Runs a command among the node's processes and mounts; resolves with stdout, rejects with CommandError. */
  onNode(command: string, ...args: readonly string[]): Promise<string>;
  /** Pauses a component of the cluster (SIGSTOP), or resumes it. */
  pause(component: string): void;
  resume(component: string): void;
  stop(): Promise<void>;
}

/** The paths and the recipe of a cluster. */
export interface Place {
  readonly name: string;
  readonly paths: Paths;
  readonly network: Network;
  readonly sandbox: Sandbox;
  /** Directory of the built programs. */
  readonly programs: string;
  readonly snapshotter: Snapshotter;
}

export function clusterAt(
  { name, paths, network, sandbox, programs, snapshotter }: Place,
  stop: () => Promise<void>,
): Cluster {
  const kubectl = path.join(programs, "kubectl");
  const helm = path.join(programs, "helm");
  const direct = [process.env.NO_PROXY ?? process.env.no_proxy, directAddresses(network)].filter(Boolean).join(",");
  const env = { ...process.env, KUBECONFIG: paths.kubeconfig, NO_PROXY: direct, no_proxy: direct };
  const call = async (program: string, args: readonly string[], stdin = "") =>
    (await run(program, args, { env, stdin })).stdout;
  return {
    name,
    kubeconfig: paths.kubeconfig,
    auditLog: paths.auditLog,
    environment: env,
    logs: paths.logs,
    programs: { kubectl, helm },
    scratch: paths.scratch,
    hostAddress: network.hostAddress,
    kubectl: (args, stdin) => call(kubectl, args, stdin),
    helm: (args, stdin) => call(helm, args, stdin),
    loadImage: async (archive) => {
      const unpack = ["images", "import", "--snapshotter", snapshotter, path.resolve(archive)];
      await containerdClient(sandbox, "--namespace", "k8s.io", ...unpack);
    },
    onNode: async (command, ...args) => (await runInside(sandbox, command, args)).stdout,
    pause: (component) => signalInside(sandbox, path.resolve(programs, component), "SIGSTOP"),
    resume: (component) => signalInside(sandbox, path.resolve(programs, component), "SIGCONT"),
    stop,
  };
}

/** Runs ctr, containerd's own client; resolves with stdout. */
export async function containerdClient(sandbox: Sandbox, ...args: readonly string[]): Promise<string> {
  return (await runInside(sandbox, "ctr", ["--address", CONTAINERD_SOCKET, ...args])).stdout;
}

export async function nodeIsReady(cluster: Cluster): Promise<boolean> {
  const condition = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  return (await cluster.kubectl(["get", "node", NODE_NAME, "-o", condition, "--request-timeout=10s"])) === "True";
}
