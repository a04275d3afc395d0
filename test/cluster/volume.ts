// Provides a directory of this machine as a claim: a static `local` volume on the cluster's only node, bound to a claim of
// the same name. The user of Luthier's pods becomes the owner of the directory.

import { chownSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { USER_ID } from "../../images/base.ts";
import type { Cluster } from "./cluster.ts";
import { NODE_NAME } from "./layout.ts";

export interface DirectoryVolume {
  readonly namespace: string;
  readonly claim: string;
  /** Created if missing. uid 65532 becomes the owner of its whole content, so it must not be part of a checkout. */
  readonly directory: string;
  readonly accessMode?: "ReadWriteOnce" | "ReadWriteMany" | "ReadOnlyMany";
}

/** Applies volume and claim; resolves once the claim is bound. The namespace must exist. */
export async function provideDirectory(cluster: Cluster, volume: DirectoryVolume): Promise<void> {
  const directory = path.resolve(volume.directory);
  mkdirSync(directory, { recursive: true });
  handOver(directory);
  await cluster.kubectl(
    ["apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: Object.values(volumeManifests({ ...volume, directory })) }),
  );
  await cluster.kubectl([
    ...["--namespace", volume.namespace, "wait", `persistentvolumeclaim/${volume.claim}`],
    ...["--for=jsonpath={.status.phase}=Bound", "--timeout=60s"],
  ]);
}

/** Both manifests. Pure; `directory` absolute. */
export function volumeManifests({ namespace, claim, directory, accessMode = "ReadWriteMany" }: DirectoryVolume) {
  const name = `${namespace}-${claim}`;
  const shared = { accessModes: [accessMode], storageClassName: "" };
  const onTheNode = { key: "kubernetes.io/hostname", operator: "In", values: [NODE_NAME] };
  return {
    volume: {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: {
        ...shared,
        // Not enforced: the directory's disk is the limit.
        capacity: { storage: "100Gi" },
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace, name: claim },
        local: { path: directory },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onTheNode] }] } },
      },
    },
    claim: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { namespace, name: claim },
      spec: { ...shared, volumeName: name, resources: { requests: { storage: "1Gi" } } },
    },
  };
}

function handOver(directory: string): void {
  chownSync(directory, USER_ID, USER_ID);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) handOver(file);
    else if (!entry.isSymbolicLink()) chownSync(file, USER_ID, USER_ID);
  }
}
