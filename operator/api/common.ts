/**
 * Schemas that the three kinds share. Specs are strict: an unknown field is rejected, never dropped.
 */
import { z } from "zod";
import { curve, curveNames } from "../../trainer/contract/curves.ts";
import { decimal } from "../../trainer/contract/decimal.ts";
import { digest } from "../../trainer/contract/digest.ts";
import { distinct, entriesAtMost, type Rule, ruled } from "../../trainer/contract/rules.ts";
import { furtherMetric } from "../../trainer/contract/taskMetrics.ts";
import { affinity } from "./affinity.ts";
import {
  annotationKeys,
  deviceName,
  extendedNames,
  labelKeys,
  oneClaim,
  requestsWithinLimits,
  tolerationRules,
  variableNames,
} from "./podRules.ts";
import { quantityPattern } from "./quantity.ts";

export const text = (max: number) => z.string().max(max);

/** Longest texts of a status, in characters. Conditions and the end of a prepare Job may hold a long message. */
export const longest = { reason: 64, message: 1024, longMessage: 2048 } as const;
/** Cuts foreign text to the length of a field: the API server rejects a whole status for one long member. */
export const cut = (words: string, max: number) => words.slice(0, max).toWellFormed();

export const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const hash64 = z
  .string()
  .length(64)
  .regex(/^[0-9a-f]{64}$/);
export { digest };
export const time = z.string().max(40).meta({ format: "date-time" });
/** A measured number. Kubernetes objects hold no floating-point numbers. */
export const figure = z.string().max(40);

const name = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** A resource quantity: 2, "500m", "8Gi". As in every custom resource, a fraction needs quotes. */
export const quantity = z
  .union([z.int().min(0), z.string().max(32).regex(quantityPattern, "must be a quantity such as 2Gi or 500M")], {
    error: 'must be an integer, or a quantity in quotes such as "1.5", "1500m" or "2Gi"',
  })
  .meta({ "x-kubernetes-int-or-string": true, pattern: quantityPattern.source });

const resourceList = z.strictObject({
  cpu: quantity.optional(),
  memory: quantity.optional(),
  "ephemeral-storage": quantity.optional(),
});

export const resources = ruled(
  z.strictObject({ requests: resourceList.optional(), limits: resourceList.optional() }),
  ...requestsWithinLimits,
).meta({ description: "Compute resources of the container, as in a pod." });

const nodeSelector = entriesAtMost(z.record(z.string().max(317), z.string().max(63)), 32).meta({
  description: "Labels that a node must have.",
});

const toleration = ruled(
  z.strictObject({
    key: text(317).optional(),
    operator: z.enum(["Exists", "Equal"]).optional(),
    value: text(63).optional(),
    effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
    tolerationSeconds: z.int().min(0).max(2_147_483_647).optional(),
  }),
  ...tolerationRules,
);

const tolerations = z.array(toleration).max(32).meta({ description: "Taints that the pods tolerate." });

const podLabels = ruled(
  entriesAtMost(
    z.record(
      z.string().max(317),
      z
        .string()
        .max(63)
        .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/),
    ),
    32,
  ),
  ...labelKeys,
).meta({
  description: "Additional labels of all pods: those that train, prepare and export. They do not retrain.",
});

const podAnnotations = ruled(entriesAtMost(z.record(z.string().max(317), text(1024)), 32), ...annotationKeys).meta({
  description: "Additional annotations of all pods: those that train, prepare and export. They do not retrain.",
});

const environment = ruled(
  z
    .array(
      z.strictObject({
        name: z
          .string()
          .max(128)
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
        value: text(1024),
      }),
    )
    .max(32),
  ...variableNames,
).meta({
  description:
    "Environment variables of all pods: those that train, prepare and export. Visible in the Jobs, so no passwords. The operator's own variables win.",
});

/** A queue of Kueue in the namespace. */
const queue = z.strictObject({
  name: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({ description: "Name of a LocalQueue of Kueue in this namespace." }),
  priorityClass: name.optional().meta({ description: "WorkloadPriorityClass of the Jobs in the queue." }),
});

const extendedResources = ruled(
  entriesAtMost(z.record(z.string().max(317), z.int().min(1).max(1_000_000)), 16),
  ...extendedNames,
).meta({
  description: "Devices of a device plugin that the training pod takes, such as example.com/device: 1.",
});

const resourceClaims = distinct(
  z
    .array(
      ruled(
        z.strictObject({
          name: z
            .string()
            .max(63)
            .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
          resourceClaimName: name.optional(),
          resourceClaimTemplateName: name.optional(),
        }),
        oneClaim,
      ),
    )
    .max(16),
  "name",
).meta({ description: "Claims of devices by dynamic resource allocation, for the training pod." });

const podPlacement = {
  nodeSelector: nodeSelector.optional(),
  tolerations: tolerations.optional(),
  affinity: affinity.optional().meta({ description: "Required or preferred nodes and neighbouring pods." }),
  priorityClassName: name.optional().meta({ description: "PriorityClass of the pods." }),
  runtimeClassName: name.optional().meta({ description: "RuntimeClass of the pods." }),
  serviceAccountName: name.optional().meta({
    description: "ServiceAccount of the pods (its token is never mounted). Default: the namespace's default.",
  }),
  schedulerName: name.optional().meta({ description: "Scheduler of the pods. Default: the cluster's." }),
  env: environment.optional(),
  labels: podLabels.optional(),
  annotations: podAnnotations.optional(),
  imagePullSecrets: distinct(z.array(z.strictObject({ name })).max(8), "name")
    .optional()
    .meta({ description: "Secrets to pull the trainer's image with." }),
};

/** The resource that NVIDIA's device plugin gives a whole GPU. */
export const usualGpuResource = "nvidia.com/gpu";

const oneGpu: Rule<number> = {
  cel: "self <= 1",
  holds: (gpus) => gpus <= 1,
  message: "must be 0 or 1: this release trains on one GPU, or with 0 on CPUs",
};

interface GpuFields {
  gpusPerNode: number;
  gpuResourceName?: string | undefined;
  gpuClass?: string | undefined;
  deviceMemory?: string | number | undefined;
  extendedResources?: Record<string, number> | undefined;
}

const gpuFields = ["gpuResourceName", "gpuClass", "deviceMemory"] as const;

const gpuRules: readonly Rule<GpuFields>[] = [
  ...gpuFields.map(
    (field): Rule<GpuFields> => ({
      cel: `!has(self.${field}) || self.gpusPerNode > 0`,
      holds: (placement) => placement[field] === undefined || placement.gpusPerNode > 0,
      message: `${field} needs gpusPerNode: 1`,
    }),
  ),
  {
    cel: `self.gpusPerNode == 0 || !has(self.extendedResources) || !((has(self.gpuResourceName) ? self.gpuResourceName : '${usualGpuResource}') in self.extendedResources)`,
    holds: ({ gpusPerNode, gpuResourceName = usualGpuResource, extendedResources = {} }) =>
      gpusPerNode === 0 || !Object.hasOwn(extendedResources, gpuResourceName),
    message: "extendedResources must not contain the GPU: gpusPerNode requests it",
  },
];

const devices = {
  extendedResources: extendedResources.optional(),
  resourceClaims: resourceClaims.optional(),
};

/** A resolved placement, from which a pod is rendered. */
export const resolvedPlacement = z
  .strictObject({ resources: resources.optional(), ...devices, queue: queue.optional(), ...podPlacement })
  .meta({ description: "Placement and resources of the pods." });

export const placement = ruled(
  z.strictObject({
    gpusPerNode: ruled(z.int().min(0).max(64), oneGpu).meta({
      description: "GPUs that a training takes: 1, or 0 to train on CPUs. The backend for GPUs has not run on one yet.",
    }),
    gpuResourceName: ruled(z.string().max(317), deviceName).optional().meta({
      description:
        "Resource that a GPU is requested by. For a slice by MIG, its resource, such as nvidia.com/mig-3g.40gb. Default: nvidia.com/gpu.",
    }),
    gpuClass: z
      .string()
      .max(63)
      .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
      .optional()
      .meta({
        description:
          "Product of the GPU, such as NVIDIA-L4: the training gets only nodes with this label nvidia.com/gpu.product, which NVIDIA's feature discovery sets. Default: any.",
      }),
    deviceMemory: quantity.optional().meta({
      description:
        "Memory of the GPU that the training may take, such as 22Gi. Needed to judge the fit if no node has the label nvidia.com/gpu.memory. Default: all.",
    }),
    resources: resources.optional().meta({
      description:
        "Resources of the training pod. A run on CPUs must fit into limits.memory; without it, into the largest node's allocatable memory. With a GPU, they are those of the host.",
    }),
    ...devices,
    queue: queue.optional().meta({
      description:
        "Queue of Kueue for the training. The pods that prepare and export wait in none, unless helpers.queue is set.",
    }),
    ...podPlacement,
  }),
  ...gpuRules,
).meta({ description: "Placement and resources of the training." });

export const helpers = z
  .strictObject({
    resources: resources.optional().meta({
      description:
        "Compute resources of the container, as in a pod. Default: requests of 100m CPU and 256Mi of memory, for an export and one byte more for each parameter of the model; no limits.",
    }),
    nodeSelector: nodeSelector.optional().meta({ description: "Labels that a node must have. Default: placement's." }),
    tolerations: tolerations.optional().meta({ description: "Taints that the pods tolerate. Default: placement's." }),
    affinity: affinity
      .optional()
      .meta({ description: "Required or preferred nodes and neighbouring pods. Default: placement's." }),
    queue: queue
      .optional()
      .meta({ description: "Queue of Kueue for the pods that prepare and export. Default: none." }),
  })
  .meta({ description: "Placement and resources of the prepare and export pods. They need no GPU." });

export type Placement = z.infer<typeof placement>;
export type ResolvedPlacement = z.infer<typeof resolvedPlacement>;
export type Helpers = z.infer<typeof helpers>;
export type Resources = z.infer<typeof resources>;

export const condition = z.object({
  type: text(64),
  status: z.enum(["True", "False", "Unknown"]),
  observedGeneration: count.optional(),
  lastTransitionTime: time,
  reason: text(longest.reason),
  message: text(longest.longMessage),
});
export type Condition = z.infer<typeof condition>;

export const statusCommon = {
  observedGeneration: count.optional().meta({ description: "The generation of the spec that this status describes." }),
  conditions: distinct(z.array(condition).max(16), "type").optional(),
};

/** UIDs of Jobs that completed without a readable report, so that each counts once. */
export const lostReports = z
  .array(text(64))
  .max(32)
  .meta({ description: "UIDs of Jobs that completed without a readable report." });

export const helperMemoryLimit = text(32).optional().meta({
  description:
    "Memory limit of its pod; absent: no limit. If it was too low, the Job is retried once the limit is higher.",
});

export const progress = z.object({
  phase: text(32).optional(),
  steps: text(40).optional().meta({ description: "Optimiser steps, done/total." }),
  loss: figure.optional(),
  evalLoss: figure.optional(),
  rewardAccuracy: figure.optional(),
  evalRewardAccuracy: figure.optional(),
  tokensPerSecond: figure.optional(),
  estimatedCompletionTime: time.optional(),
  updatedAt: time,
});
export type ProgressStatus = z.infer<typeof progress>;

const share = decimal("A share.", { min: 0, max: 1 });

/** Task figures on held-out examples. */
const evaluationResult = z.object({
  before: share.optional().meta({ description: "Exact match of the base model." }),
  after: share.optional().meta({ description: "Exact match with the adapter." }),
  majorityShare: share.optional().meta({ description: "Exact match of always giving the commonest answer." }),
  examples: count.optional(),
  metrics: distinct(
    z
      .array(
        z.object({
          metric: furtherMetric.meta({ description: "Name of the metric." }),
          before: figure.optional().meta({ description: "Its figure of the base model." }),
          after: figure.optional().meta({ description: "Its figure with the adapter." }),
        }),
      )
      .max(16),
    "metric",
  )
    .optional()
    .meta({ description: "The other metrics of spec.evaluation." }),
});

/** Measurements of a finished training. */
export const results = z.object({
  steps: count,
  bestStep: count,
  loss: figure,
  evalLoss: figure.optional(),
  evalRewardAccuracy: figure.optional(),
  evalRewardMargin: figure.optional(),
  evaluation: evaluationResult.optional(),
  curves: distinct(z.array(curve).max(curveNames.length), "name").optional().meta({
    description: "Curves of the training, each in at most 200 points. Absent: the log of its pod was lost.",
  }),
  trainableParameters: count,
  totalParameters: count,
  trainedTokens: count,
  tokensPerSecond: figure,
  seconds: figure,
  predictedPeakBytes: count,
  measuredPeakBytes: count,
  resumes: count,
  adapterDigest: digest,
  adapterBytes: count,
  numericsVersion: count,
});
export type Results = z.infer<typeof results>;
