/**
 * The only renderer of batch Jobs and their pods. Pure. Pods are restricted (non-root, read-only root, no capability, no
 * token, default seccomp). They see only their run file (a downward API volume), the claims that they need and the Secrets
 * of the stores that they reach.
 *
 * The operator creates a Job once and never re-applies it: it deletes and recreates an outdated Job that has not started.
 * `isOutdated` compares a digest of the rendered Job; webhooks and queues may change a Job, not the digest.
 * `podFailurePolicy` maps a pod's exit code to the Job; the first rule that matches decides.
 */
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { exitCode, finalExitCodes } from "../../trainer/contract/exitCodes.ts";
import { canonicalJson } from "../../trainer/contract/hashes.ts";
import type { RunFile } from "../../trainer/contract/runFile.ts";
import type { ResolvedPlacement } from "../api/common.ts";
import { annotations, labels, managedBy } from "../api/names.ts";
import { type KubeObject, ownerReference } from "../runtime/objects.ts";
import type { ClaimMount } from "./claims.ts";
import { type GpuRequest, nodeSelectorOf } from "./placement.ts";
import { environmentOf, type PodSettings, securityContextOf } from "./podSettings.ts";
import { queueLabels } from "./queue.ts";
import type { Job } from "./resources.ts";
import { type SecretMount, secretMounts, secretVolume } from "./secrets.ts";

export interface TrainerJob {
  name: string;
  owner: KubeObject;
  /** Additional labels of the Job and its pods, besides managed-by and stage. */
  labels: Record<string, string>;
  runFile: RunFile;
  claims: readonly ClaimMount[];
  /** Local disk space for files from a remote store, in bytes. */
  scratchBytes?: number | undefined;
  /** Size of the checkpoint that a pod writes when it must stop. */
  checkpointBytes?: number | undefined;
  image: string;
  pods: PodSettings;
  placement: ResolvedPlacement;
  /** Present if the stage trains on a GPU. */
  gpu?: GpuRequest | undefined;
  backoffLimit: number;
  activeDeadlineSeconds?: number | undefined;
  ttlSecondsAfterFinished: number;
}

export const containerName = "trainer";
const runDirectory = "/luthier/run";
const claimsDirectory = "/luthier/claims";
const secretsDirectory = "/luthier/secrets";
const scratchDirectory = "/luthier/scratch";

export function renderJob(job: TrainerJob): Job {
  const stage = job.runFile.stage.toLowerCase();
  const allLabels = { ...job.labels, [labels.managedBy]: managedBy, [labels.stage]: stage };
  const spec = jobSpec(job, stage, allLabels);
  const queued = queueLabels(job.placement);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: job.name,
      ...(job.owner.metadata.namespace === undefined ? {} : { namespace: job.owner.metadata.namespace }),
      labels: { ...allLabels, ...queued },
      annotations: { [annotations.rendered]: digestOf({ ...spec, ...(Object.keys(queued).length > 0 && { queued }) }) },
      ownerReferences: [ownerReference(job.owner, { controller: true })],
    },
    spec,
  };
}

function digestOf(spec: object): string {
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(spec))))
    .digest("hex");
}

/** Would `job` be rendered in another way now? A Job without a digest counts as current. */
export function isOutdated(job: Job | undefined, wanted: Job): boolean {
  const rendered = job?.metadata.annotations?.[annotations.rendered];
  return rendered !== undefined && rendered !== wanted.metadata.annotations?.[annotations.rendered];
}

function jobSpec(job: TrainerJob, stage: string, allLabels: Record<string, string>): NonNullable<Job["spec"]> {
  return {
    completions: 1,
    parallelism: 1,
    backoffLimit: job.backoffLimit,
    podReplacementPolicy: "Failed",
    podFailurePolicy: podFailurePolicy(),
    ttlSecondsAfterFinished: job.ttlSecondsAfterFinished,
    ...(job.activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: job.activeDeadlineSeconds }),
    template: {
      metadata: {
        labels: { ...job.placement.labels, ...allLabels },
        annotations: { ...job.placement.annotations, [annotations.runFile]: stringify(job.runFile) },
      },
      spec: podSpec(job, stage),
    },
  };
}

type PodSpec = NonNullable<NonNullable<Job["spec"]>["template"]["spec"]>;

function podSpec(job: TrainerJob, stage: string): PodSpec {
  const {
    resources,
    extendedResources,
    resourceClaims,
    env,
    queue: _,
    labels: __,
    annotations: ___,
    ...where
  } = job.placement;
  const secrets = secretMounts(job.runFile.locations).map((mount, index) => ({ name: `secret-${index}`, mount }));
  return {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: secondsToStop(job.checkpointBytes),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: securityContextOf(job.pods),
    ...where,
    nodeSelector: nodeSelectorOf(job.placement),
    ...(resourceClaims === undefined ? {} : { resourceClaims }),
    containers: [
      {
        name: containerName,
        image: job.image,
        imagePullPolicy: "IfNotPresent",
        args: [stage, "--run-file", `${runDirectory}/run.yaml`, ...gpuArguments(job.gpu)],
        ...environmentOf(job.pods, job.gpu === undefined ? env : [...driverParts, ...(env ?? [])]),
        ...containerResources({ resources, extendedResources, resourceClaims }),
        terminationMessagePolicy: "File",
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        volumeMounts: [
          { name: "run", mountPath: runDirectory, readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
          { name: "scratch", mountPath: scratchDirectory },
          ...job.claims.map(({ claim, readOnly }, index) => ({
            name: `claim-${index}`,
            mountPath: `${claimsDirectory}/${claim}`,
            readOnly,
          })),
          ...secrets.map(({ name, mount }) => secretMount(name, mount)),
        ],
      },
    ],
    volumes: [
      {
        name: "run",
        downwardAPI: {
          items: [{ path: "run.yaml", fieldRef: { fieldPath: `metadata.annotations['${annotations.runFile}']` } }],
        },
      },
      { name: "tmp", emptyDir: {} },
      { name: "scratch", emptyDir: job.scratchBytes === undefined ? {} : { sizeLimit: String(job.scratchBytes) } },
      ...job.claims.map(({ claim, readOnly }, index) => ({
        name: `claim-${index}`,
        persistentVolumeClaim: { claimName: claim, readOnly },
      })),
      ...secrets.map(({ name, mount }) => secretVolume(name, mount)),
    ],
  };
}

function gpuArguments(gpu: GpuRequest | undefined): string[] {
  if (gpu === undefined) return [];
  return [
    ...["--device", "cuda"],
    ...(gpu.product === undefined ? [] : ["--gpu-class", gpu.product]),
    ...(gpu.memory === undefined ? [] : ["--memory", `${gpu.memory}`]),
  ];
}

/** The parts of the driver that the NVIDIA container runtime mounts: the one that computes, and nvidia-smi. */
const driverParts = [{ name: "NVIDIA_DRIVER_CAPABILITIES", value: "compute,utility" }];

/** Speed of a slow bucket in bytes per second; docs/performance.md has measurements. */
const slowStore = 20e6;

/** Time after SIGTERM to end the step and write a checkpoint. */
function secondsToStop(checkpointBytes = 0): number {
  return Math.min(3600, Math.max(120, 60 + Math.ceil(checkpointBytes / slowStore)));
}

const secretMount = (name: string, { secret }: SecretMount) => ({
  name,
  mountPath: `${secretsDirectory}/${secret}`,
  readOnly: true,
});

type Resources = Pick<ResolvedPlacement, "resources" | "extendedResources" | "resourceClaims">;

/** `Wire` quantities are strings. A device is requested by its limit. */
function containerResources({ resources: { requests, limits } = {}, extendedResources, resourceClaims }: Resources) {
  const strings = (list: Record<string, string | number | undefined>) =>
    Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, String(quantity)]));
  const limited =
    limits === undefined && extendedResources === undefined ? undefined : { ...limits, ...extendedResources };
  const resources = {
    ...(requests === undefined ? {} : { requests: strings(requests) }),
    ...(limited === undefined ? {} : { limits: strings(limited) }),
    ...(resourceClaims === undefined ? {} : { claims: resourceClaims.map(({ name }) => ({ name })) }),
  };
  return Object.keys(resources).length === 0 ? {} : { resources };
}

function podFailurePolicy(): NonNullable<NonNullable<Job["spec"]>["podFailurePolicy"]> {
  return {
    rules: [
      { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
      { action: "Ignore", onExitCodes: exitCodes(exitCode.stopped, exitCode.peerLost) },
      { action: "FailJob", onExitCodes: exitCodes(...failing) },
    ],
  };
}

/** 128 + SIGKILL: out of memory, or killed from outside; the operator finds out which. */
export const killed = 137;

/** Exit codes after which the Job starts no other pod. */
const failing: readonly number[] = [...finalExitCodes, killed];
export const failsTheJob = (code: number) => failing.includes(code);

function exitCodes(...values: number[]) {
  return { containerName, operator: "In", values };
}
