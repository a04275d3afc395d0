// Files, addresses and names of one test cluster. Pure; every other file uses these.
//
// Addresses come from 198.18.0.0/15, which RFC 2544 reserves for tests of network devices and no network routes:
// cluster number N owns the link 198.18.N.0/30 to the host and 198.19.N.0/24 for its pods. Service addresses are the
// same in every cluster, because each cluster sees only its own network namespace.

import path from "node:path";

export const CLUSTER_LIMIT = 256;
export const NODE_NAME = "luthier";
export const SERVICE_RANGE = "10.96.0.0/16";
export const API_SERVICE_ADDRESS = "10.96.0.1";
export const DNS_SERVICE_ADDRESS = "10.96.0.10";
export const API_PORT = 6443;

export interface Network {
  /** The cluster's number on this machine, 0 to 255. */
  readonly index: number;
  /** The host's end of the link, named and addressed. */
  readonly hostInterface: string;
  readonly hostAddress: string;
  /** The node's address; the API server listens on it too. */
  readonly nodeAddress: string;
  readonly podRange: string;
  /** Parent of all pods' control groups, below the mount point of each hierarchy. */
  readonly cgroup: string;
}

export function networkOf(index: number): Network {
  if (!Number.isInteger(index) || index < 0 || index >= CLUSTER_LIMIT) {
    throw new RangeError(`a cluster's number is 0 to ${CLUSTER_LIMIT - 1}, not ${index}`);
  }
  return {
    index,
    hostInterface: `luthier${index}`,
    hostAddress: `198.18.${index}.1`,
    nodeAddress: `198.18.${index}.2`,
    podRange: `198.19.${index}.0/24`,
    cgroup: `/luthier${index}`,
  };
}

export interface Paths {
  /** Contains everything below; removed by `down`. */
  readonly state: string;
  /** Outside of the state, because it is held while the state is removed. */
  readonly lock: string;
  readonly logs: string;
  readonly auditLog: string;
  readonly kubeconfig: string;
  readonly certificates: string;
  readonly configuration: string;
  readonly etcd: string;
  readonly containerd: string;
  readonly scratch: string;
  /** The cluster's number, once it has one. */
  readonly network: string;
  /** Written last by `up`, once the cluster responds; contains the digest of its recipe. */
  readonly ready: string;
}

export function pathsOf(repository: string, name: string): Paths {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new RangeError(`cluster name "${name}": use up to 31 of a-z, 0-9 and "-", a letter first`);
  }
  const state = path.join(repository, ".luthier/cluster", name);
  return {
    state,
    lock: `${state}.lock`,
    logs: path.join(state, "logs"),
    auditLog: path.join(state, "logs/audit.log"),
    kubeconfig: path.join(state, "kubeconfig"),
    certificates: path.join(state, "certificates"),
    configuration: path.join(state, "configuration"),
    etcd: path.join(state, "etcd"),
    containerd: path.join(state, "containerd"),
    scratch: path.join(state, "scratch"),
    network: path.join(state, "network.json"),
    ready: path.join(state, "ready"),
  };
}
