/** Connects the command line to a cluster by kubeconfig. */
import { KubeConfig, type V1PersistentVolume, type V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { Client } from "../../operator/runtime/client.ts";
import { kubeconfigFault } from "../../operator/runtime/kubeconfigFault.ts";
import type { Resource, WireObject } from "../../operator/runtime/objects.ts";
import { Transport } from "../../operator/runtime/transport.ts";
import { type Arguments, optionOf, UsageError } from "../../terminal/arguments.ts";
import { didYouMean } from "../../terminal/nearest.ts";
import { type Environment, proxyOf } from "../../trainer/stores/proxy.ts";

export type PersistentVolumeClaim = WireObject<V1PersistentVolumeClaim>;
export type PersistentVolume = WireObject<V1PersistentVolume>;

const core = (plural: string, kind: string) => ({ group: "", version: "v1", plural, kind });

export const persistentVolumeClaims: Resource<PersistentVolumeClaim> = core(
  "persistentvolumeclaims",
  "PersistentVolumeClaim",
);
export const persistentVolumes: Resource<PersistentVolume> = core("persistentvolumes", "PersistentVolume");

/** The context that the library makes in a pod, from its ServiceAccount. */
const inClusterContext = "inClusterContext";

/** `await using` closes it at the end of the block. */
export interface Connection extends AsyncDisposable {
  readonly client: Client;
  readonly namespace: string;
  /** The API server's URL. */
  readonly server: string;
}

/** By the common options of a command. */
export const connectBy = (args: Arguments): Connection =>
  connect(optionOf(args, "kubeconfig"), optionOf(args, "namespace"), process.env, optionOf(args, "context"));

/**
 * Uses `kubeconfig` and `namespace` if given, else `$KUBECONFIG` or `~/.kube/config` and the context's namespace. The proxy
 * is the kubeconfig's `proxy-url`, else that of `environment`.
 */
export function connect(
  kubeconfig: string | undefined,
  namespace: string | undefined,
  environment: Environment = process.env,
  contextName?: string,
): Connection {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw new UsageError(`the kubeconfig cannot be read: ${kubeconfigFault(error)}`);
  }
  if (contextName !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(contextName)) {
      throw new UsageError(`the kubeconfig has no context ${contextName}${didYouMean(contextName, names)}`);
    }
    config.setCurrentContext(contextName);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new UsageError("the kubeconfig has no current context with a cluster");
  // The library's fallback address, where no cluster listens today.
  if (server === "http://localhost:8080") {
    throw new UsageError(
      "no kubeconfig was found: use --kubeconfig FILE or $KUBECONFIG (the default is ~/.kube/config)",
    );
  }
  // A pod reaches the API server of its own cluster directly.
  const proxy = config.getCurrentContext() === inClusterContext ? undefined : proxyOf(server, environment);
  if (proxy !== undefined) {
    config.clusters = config.clusters.map((cluster) => ({ ...cluster, proxyUrl: cluster.proxyUrl ?? proxy }));
  }
  const context = config.getContextObject(config.getCurrentContext());
  const transport = new Transport(config, { userAgent: "luthier" });
  return {
    client: new Client(transport),
    namespace: namespace ?? context?.namespace ?? "default",
    server,
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
