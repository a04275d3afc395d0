/**
 * Finds the nodes that may run a pod of a placement by its selector, required node affinity and tolerations. Pure. The
 * scheduler judges free memory; this answers only which node sizes exist.
 */
import type { NodeSelectorTerm } from "../api/affinity.ts";
import type { ResolvedPlacement } from "../api/common.ts";
import { nodeSelectorOf } from "./placement.ts";
import type { Node } from "./resources.ts";

export function takes(node: Node, placement: ResolvedPlacement): boolean {
  const { affinity, tolerations = [] } = placement;
  const { labels = {} } = node.metadata;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return (
    Object.entries(nodeSelectorOf(placement)).every(([key, value]) => labels[key] === value) &&
    required?.some((term) => matches(node, term)) !== false &&
    lasting(node).every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)))
  );
}

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];
type Toleration = NonNullable<ResolvedPlacement["tolerations"]>[number];

/** Taints that keep a pod away, without those that Kubernetes sets on a node with a temporary problem. */
function lasting({ spec }: Node): Taint[] {
  return (spec?.taints ?? []).filter(
    ({ key, effect }) => effect !== "PreferNoSchedule" && !key.startsWith("node.kubernetes.io/"),
  );
}

function tolerates({ key, operator = "Equal", value = "", effect }: Toleration, taint: Taint): boolean {
  const sameEffect = effect === undefined || effect === taint.effect;
  const sameKey = key === undefined || key === "" ? operator === "Exists" : key === taint.key;
  return sameEffect && sameKey && (operator === "Exists" || value === (taint.value ?? ""));
}

/** A term without requirements matches nothing, as for the scheduler. */
function matches({ metadata }: Node, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => holds(one, metadata.labels?.[one.key])) &&
    matchFields.every((one) => holds(one, one.key === "metadata.name" ? metadata.name : undefined))
  );
}

type Requirement = NonNullable<NodeSelectorTerm["matchExpressions"]>[number];

function holds({ operator, values = [] }: Requirement, actual: string | undefined): boolean {
  switch (operator) {
    case "In":
      return actual !== undefined && values.includes(actual);
    case "NotIn":
      return actual === undefined || !values.includes(actual);
    case "Exists":
      return actual !== undefined;
    case "DoesNotExist":
      return actual === undefined;
    case "Gt":
      return actual !== undefined && Number(actual) > Number(values[0]);
    case "Lt":
      return actual !== undefined && Number(actual) < Number(values[0]);
  }
}
