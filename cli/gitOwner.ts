/** Finds the Git tool that owns an object: a change of the object in the cluster would be undone by it. Pure. */
import type { ObjectMeta } from "../operator/runtime/objects.ts";

const managers: readonly (readonly [string, string])[] = [
  ["kustomize-controller", "Flux"],
  ["helm-controller", "Flux"],
  ["argocd-controller", "Argo CD"],
  ["argocd-application-controller", "Argo CD"],
];
const marks: readonly (readonly [string, string])[] = [
  ["kustomize.toolkit.fluxcd.io/name", "Flux"],
  ["helm.toolkit.fluxcd.io/name", "Flux"],
  ["argocd.argoproj.io/instance", "Argo CD"],
  ["argocd.argoproj.io/tracking-id", "Argo CD"],
];

/** "Flux" or "Argo CD", by the object's marks or the programs that wrote it; undefined: neither. */
export function gitOwner({ labels, annotations }: ObjectMeta, writers: readonly string[]): string | undefined {
  const all = { ...labels, ...annotations };
  const marked = marks.find(([key]) => all[key] !== undefined);
  return (marked ?? managers.find(([name]) => writers.includes(name)))?.[1];
}
