/** Messages about an object that is being deleted and the finalizers that hold it. Pure. */
import type { KubeObject } from "../runtime/objects.ts";

/** Kubernetes' own finalizers; Kubernetes removes them. */
const builtIn = ["foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking"];

/** Finalizers of a deleted object that neither Kubernetes nor the operator removes. */
function foreignFinalizers({ metadata }: KubeObject): string[] {
  if (metadata.deletionTimestamp === undefined) return [];
  return (metadata.finalizers ?? []).filter((name) => !builtIn.includes(name));
}

/** Names the finalizers that hold a deleted object, and how to remove them; undefined if there are none. */
export function heldWords(object: KubeObject): string | undefined {
  const foreign = foreignFinalizers(object);
  if (foreign.length === 0) return undefined;
  const { kind, metadata } = object;
  const names = foreign.join(", ");
  return `${kind} ${metadata.name} is being deleted and is held by finalizer ${names}, which is not Luthier's. The controller that set the finalizer must remove it; if that controller no longer exists, remove it yourself: kubectl edit ${kind.toLowerCase()} ${metadata.name}.`;
}

/** The condition's reason for an object that is being deleted. A foreign finalizer may need a person. */
export const deletingReason = (object: KubeObject) =>
  heldWords(object) === undefined ? "Deleting" : "HeldByFinalizer";

export const deletingWords = (object: KubeObject) =>
  heldWords(object) ?? `${object.kind} ${object.metadata.name} is being deleted.`;
