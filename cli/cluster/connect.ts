/** A cluster as the command line reaches it: by kubeconfig, reading only. */
import { KubeConfig } from "@kubernetes/client-node";
import { Client } from "../../operator/runtime/client.ts";
import type { KubeObject, Resource } from "../../operator/runtime/objects.ts";
import { Transport } from "../../operator/runtime/transport.ts";
import { UsageError } from "../arguments.ts";

export interface Pod extends KubeObject {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: { name: string; state?: { waiting?: { reason?: string; message?: string } } }[];
  };
}

export interface PersistentVolumeClaim extends KubeObject {
  spec: { volumeName?: string };
}

export interface PersistentVolume extends KubeObject {
  spec: { hostPath?: { path: string }; local?: { path: string } };
}

const core = (plural: string, kind: string) => ({ group: "", version: "v1", plural, kind });

export const pods: Resource<Pod> = core("pods", "Pod");
export const claims: Resource<PersistentVolumeClaim> = core("persistentvolumeclaims", "PersistentVolumeClaim");
export const volumes: Resource<PersistentVolume> = core("persistentvolumes", "PersistentVolume");

export interface Connection {
  readonly client: Client;
  readonly namespace: string;
  close(): Promise<void>;
}

/** `kubeconfig` and `namespace` as given, else `$KUBECONFIG` or `~/.kube/config`, and the context's namespace. */
export function connect(kubeconfig: string | undefined, namespace: string | undefined): Connection {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw new UsageError(`the kubeconfig cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const context = config.getContextObject(config.getCurrentContext());
  const transport = new Transport(config, { userAgent: "luthier" });
  return {
    client: new Client(transport),
    namespace: namespace ?? context?.namespace ?? "default",
    close: () => transport.close(),
  };
}
