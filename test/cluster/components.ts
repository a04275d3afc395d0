// The programs of a cluster with their arguments, as a pure function of paths and addresses.

import path from "node:path";
import { API_PORT, API_SERVICE_ADDRESS, type Network, NODE_NAME, type Paths, SERVICE_RANGE } from "./layout.ts";

export interface Component {
  readonly name: string;
  /** The name of one of our programs (in the directory of built binaries), or the absolute path of a system program. */
  readonly program: string;
  readonly args: readonly string[];
}

const ISSUER = "https://kubernetes.default.svc.cluster.local";
export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/** The API server waits for etcd. */
export function apiServer(paths: Paths, network: Network): Component[] {
  const certificate = (name: string) => path.join(paths.certificates, name);
  return [
    {
      name: "etcd",
      program: "etcd",
      args: [
        `--data-dir=${paths.etcd}`,
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        // The state is deleted with the cluster, so it need not survive a power cut.
        "--unsafe-no-fsync",
      ],
    },
    {
      name: "kube-apiserver",
      program: "kube-apiserver",
      args: [
        "--etcd-servers=http://127.0.0.1:2379",
        `--advertise-address=${network.nodeAddress}`,
        `--secure-port=${API_PORT}`,
        `--service-cluster-ip-range=${SERVICE_RANGE}`,
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        `--client-ca-file=${certificate("ca.crt")}`,
        `--tls-cert-file=${certificate("kube-apiserver.crt")}`,
        `--tls-private-key-file=${certificate("kube-apiserver.key")}`,
        `--kubelet-client-certificate=${certificate("kubelet-client.crt")}`,
        `--kubelet-client-key=${certificate("kubelet-client.key")}`,
        `--kubelet-certificate-authority=${certificate("ca.crt")}`,
        // Otherwise logs and exec would resolve the node's name, but there is no DNS.
        "--kubelet-preferred-address-types=InternalIP",
        `--service-account-issuer=${ISSUER}`,
        `--service-account-key-file=${certificate("service-account.pub")}`,
        `--service-account-signing-key-file=${certificate("service-account.key")}`,
        `--audit-log-path=${paths.auditLog}`,
        "--audit-log-maxsize=200",
        "--audit-log-maxbackup=1",
        `--audit-policy-file=${path.join(paths.configuration, "audit-policy.yaml")}`,
      ],
    },
  ];
}

/** Started once the API server is ready, because they give up while it is silent or has no roles. */
export function controllers(paths: Paths): Component[] {
  const certificate = (name: string) => path.join(paths.certificates, name);
  const kubeconfig = (name: string) => path.join(paths.configuration, `${name}.kubeconfig`);
  return [
    {
      name: "kube-controller-manager",
      program: "kube-controller-manager",
      args: [
        `--kubeconfig=${kubeconfig("kube-controller-manager")}`,
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--use-service-account-credentials=true",
        // Detects a silent node sooner than after the usual 50 s.
        "--node-monitor-grace-period=30s",
        // Retries a claim after a conflict in its first binding soon, not after the usual 15 s.
        "--pvclaimbinder-sync-period=1s",
        `--service-account-private-key-file=${certificate("service-account.key")}`,
        `--root-ca-file=${certificate("ca.crt")}`,
        `--flex-volume-plugin-dir=${path.join(paths.state, "volume-plugins")}`,
      ],
    },
    {
      name: "kube-scheduler",
      program: "kube-scheduler",
      args: [`--kubeconfig=${kubeconfig("kube-scheduler")}`, "--leader-elect=false", "--bind-address=127.0.0.1"],
    },
  ];
}

export function containerd(paths: Paths): Component {
  const configuration = path.join(paths.configuration, "containerd.toml");
  return { name: "containerd", program: "/usr/bin/containerd", args: ["--config", configuration] };
}

/** Started once containerd and the API server respond. */
export function nodeAgents(paths: Paths, network: Network): Component[] {
  const configuration = (name: string) => path.join(paths.configuration, name);
  return [
    {
      name: "kubelet",
      program: "kubelet",
      args: [
        `--config=${configuration("kubelet.yaml")}`,
        `--kubeconfig=${configuration("kubelet.kubeconfig")}`,
        `--hostname-override=${NODE_NAME}`,
        `--node-ip=${network.nodeAddress}`,
        `--cert-dir=${path.join(paths.state, "kubelet/pki")}`,
      ],
    },
    {
      name: "kube-proxy",
      program: "kube-proxy",
      args: [`--config=${configuration("kube-proxy.yaml")}`, `--hostname-override=${NODE_NAME}`],
    },
  ];
}

/** A kubeconfig with embedded credentials, so that the file can be copied. */
export function kubeconfig(
  server: string,
  user: string,
  pem: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "luthier",
      clusters: [{ name: "luthier", cluster: { server, "certificate-authority-data": base64(pem.ca) } }],
      users: [
        {
          name: user,
          user: { "client-certificate-data": base64(pem.certificate), "client-key-data": base64(pem.key) },
        },
      ],
      contexts: [{ name: "luthier", context: { cluster: "luthier", user } }],
    },
    null,
    2,
  )}\n`;
}

export function serverUrl(network: Network): string {
  return `https://${network.nodeAddress}:${API_PORT}`;
}

/** The cluster's own addresses, which must not go through a proxy. */
export function directAddresses(network: Network): string {
  return [network.nodeAddress, API_SERVICE_ADDRESS, "198.18.0.0/15", "127.0.0.1", "localhost"].join(",");
}

/** Everything that runs in a cluster. */
export function allComponents(paths: Paths, network: Network): Component[] {
  return [...apiServer(paths, network), containerd(paths), ...controllers(paths), ...nodeAgents(paths, network)];
}
