/** Words about an object that is being deleted: what holds it. Pure. */
import type { KubeObject } from "../runtime/objects.ts";

/** Kubernetes' own; they go by themselves. */
const builtIn = ["foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking"];

/** Finalizers of an object that is being deleted that neither Kubernetes nor the operator takes away. */
export function foreignFinalizers({ metadata }: KubeObject): string[] {
  if (metadata.deletionTimestamp === undefined) return [];
  return (metadata.finalizers ?? []).filter((name) => !builtIn.includes(name));
}

/** What holds an object that is being deleted, and what to do; undefined when it goes by itself. */
export function heldWords(object: KubeObject): string | undefined {
  const foreign = foreignFinalizers(object);
  if (foreign.length === 0) return undefined;
  const { kind, metadata } = object;
  const names = foreign.join(", ");
  return `${kind} ${metadata.name} is being deleted and is held by finalizer ${names}, which is not Luthier's. It goes when the controller that set it removes it; if that controller no longer exists, remove it: kubectl edit ${kind.toLowerCase()} ${metadata.name}.`;
}

/** Of an object that is being deleted: for a condition. A foreign finalizer may wait for a person. */
export const deletingReason = (object: KubeObject) =>
  heldWords(object) === undefined ? "Deleting" : "HeldByFinalizer";

export const deletingWords = (object: KubeObject) =>
  heldWords(object) ?? `${object.kind} ${object.metadata.name} is being deleted.`;
