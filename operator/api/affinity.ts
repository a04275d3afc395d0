/** Kubernetes' pod affinity, with every list and string bounded. */
import { z } from "zod";
import { entriesAtMost } from "../../trainer/contract/rules.ts";

const label = z.string().max(317);
const value = z.string().max(63);
const weight = z.int().min(1).max(100);
const terms = <T extends z.ZodType>(term: T) => z.array(term).max(16);

const requirement = <const Operators extends readonly string[]>(operators: Operators) =>
  z.strictObject({
    key: label.min(1),
    operator: z.enum(operators),
    values: z.array(value).max(64).optional(),
  });

const nodeRequirements = terms(requirement(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]));
const nodeSelectorTerm = z.strictObject({
  matchExpressions: nodeRequirements.optional(),
  matchFields: nodeRequirements.optional(),
});

const nodeAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .strictObject({ nodeSelectorTerms: terms(nodeSelectorTerm).min(1) })
    .optional(),
  preferredDuringSchedulingIgnoredDuringExecution: terms(
    z.strictObject({ weight, preference: nodeSelectorTerm }),
  ).optional(),
});

const labelSelector = z.strictObject({
  matchLabels: entriesAtMost(z.record(label, value), 16).optional(),
  matchExpressions: terms(requirement(["In", "NotIn", "Exists", "DoesNotExist"])).optional(),
});

const podTerm = z.strictObject({
  topologyKey: label.min(1),
  labelSelector: labelSelector.optional(),
  namespaces: z.array(value).max(16).optional(),
  namespaceSelector: labelSelector.optional(),
});

const podAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: terms(podTerm).optional(),
  preferredDuringSchedulingIgnoredDuringExecution: terms(
    z.strictObject({ weight, podAffinityTerm: podTerm }),
  ).optional(),
});

export const affinity = z.strictObject({
  nodeAffinity: nodeAffinity.optional(),
  podAffinity: podAffinity.optional(),
  podAntiAffinity: podAffinity.optional(),
});
export type NodeSelectorTerm = z.infer<typeof nodeSelectorTerm>;
