// The configuration files of the cluster's programs, as text: a pure function of paths and addresses.
// YAML readers take JSON, so the Kubernetes files are written as JSON.

import path from "node:path";
import { CONTAINERD_SOCKET } from "./components.ts";
import { DNS_SERVICE_ADDRESS, type Network, type Paths } from "./layout.ts";

export const PAUSE_IMAGE = "localhost/luthier-pause:1";

/** The kernel settings that the kubelet requires; see sandbox.sh. Names as in sysctl(8). */
export const KUBELET_SYSCTLS: Readonly<Record<string, string>> = {
  "vm.overcommit_memory": "1",
  "vm.panic_on_oom": "0",
  "kernel.panic": "10",
  "kernel.panic_on_oops": "1",
  "kernel.keys.root_maxkeys": "1000000",
  "kernel.keys.root_maxbytes": "25000000",
};

/** containerd's storage of images: in layers, or as whole copies if the state is on an overlay (in a container). */
export type Snapshotter = "overlayfs" | "native";

/** File name → content, all for the configuration directory. */
export function configurationFiles(paths: Paths, network: Network, snapshotter: Snapshotter): Record<string, string> {
  return {
    "audit-policy.yaml": json(auditPolicy()),
    "containerd.toml": containerd(paths, snapshotter),
    "kubelet.yaml": json(kubelet(paths, network)),
    "kube-proxy.yaml": json(kubeProxy(paths, network)),
    "resolv.conf": "",
    "cni/10-bridge.conflist": json(bridge(network)),
  };
}

/** Logs user, verb and object once a request is answered, and bodies only where the tests read them. */
function auditPolicy() {
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    omitManagedFields: true,
    rules: [
      {
        level: "Request",
        verbs: ["create", "update", "patch", "delete"],
        resources: [{ group: "luthier.dev" }, { group: "batch" }],
      },
      { level: "Metadata" },
    ],
  };
}

/** Version 2 of the format: read by containerd 1.6, 1.7 and 2. */
function containerd(paths: Paths, snapshotter: Snapshotter): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = ${JSON.stringify(paths.containerd)}
state = "/run/containerd"

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = ${JSON.stringify(path.join(paths.state, "opt"))}

[${cri}]
sandbox_image = "${PAUSE_IMAGE}"
# Without the capability to lower a process's score runc fails with "can't get final child's PID".
restrict_oom_score_adj = true
# A profile would stay in the kernel after the cluster.
disable_apparmor = true

[${cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${JSON.stringify(path.join(paths.configuration, "cni"))}

[${cri}.containerd]
snapshotter = "${snapshotter}"

[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
`;
}

function kubelet(paths: Paths, network: Network) {
  const certificate = (name: string) => path.join(paths.certificates, name);
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: certificate("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: certificate("kubelet.crt"),
    tlsPrivateKeyFile: certificate("kubelet.key"),
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: network.cgroup,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    makeIPTablesUtilChains: false,
    clusterDomain: "cluster.local",
    clusterDNS: [DNS_SERVICE_ADDRESS],
    resolvConf: path.join(paths.configuration, "resolv.conf"),
    volumePluginDir: path.join(paths.state, "volume-plugins"),
    // Keeps the restart delay constant for programs that tests kill repeatedly.
    featureGates: { KubeletCrashLoopBackOffMax: true },
    crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
    // Images come from files, not from a registry, so a garbage-collected one could not be fetched again.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
  };
}

function kubeProxy(paths: Paths, network: Network) {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    // Pods share a bridge; if the kernel hides bridged packets from nftables, replies would get lost.
    nftables: { masqueradeAll: true },
    clusterCIDR: network.podRange,
    clientConnection: { kubeconfig: path.join(paths.configuration, "kube-proxy.kubeconfig") },
    // Zero keeps the kernel's connection tracking settings.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}

function bridge(network: Network) {
  return {
    cniVersion: "0.4.0",
    name: "luthier",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        hairpinMode: true,
        ipam: { type: "host-local", ranges: [[{ subnet: network.podRange }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
    ],
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
