/**
 * Explains why no container of a Job runs, and how to fix it. Pure. The pod's own status comes first. observe.ts reads
 * faults that only Events report (a failed mount, a pod that cannot be created); their messages are built here too.
 */
import { parseEnvelope } from "../../trainer/contract/report.ts";
import { fieldsOf, type PlacementFields } from "./fields.ts";
import { failsTheJob } from "./render.ts";
import type { Job, Pod } from "./resources.ts";
import { sentence, withFix } from "./sentence.ts";
import { terminations } from "./terminations.ts";

export interface Waiting {
  /** CamelCase, for a condition. */
  reason: string;
  message: string;
}

/** A wait without a known cause: it ends on its own, or Events explain it. */
const unexplained = "Pending";

export function waitCause(job: Job, pods: readonly Pod[]): Waiting {
  if (job.spec?.suspend === true) return { reason: "Queued", message: suspendedWords(job, pods) };
  const live = pods.filter(({ status }) => status?.phase !== "Failed" && status?.phase !== "Succeeded");
  const pod = live.find(({ metadata }) => metadata.deletionTimestamp === undefined) ?? live[0];
  if (pod !== undefined) return onNode(pod) ?? ofPod(pod, job);
  return afterEnd(job, pods) ?? { reason: unexplained, message: "Waiting for the Job's pod." };
}

/** The operator never sets a Job's `suspend`; queues do. */
function suspendedWords({ metadata }: Job, pods: readonly Pod[]): string {
  const ending = pods.some(({ status }) => status?.phase === "Running") ? " Its pod is ending." : "";
  return `Job ${metadata.name} is suspended by a queue, or because its spec.suspend is set.${ending} It resumes when the queue admits it, or when spec.suspend is false.`;
}

/** The wait for a pod whose node does not respond, as far as the pod's status shows. */
export function onNode({ metadata, spec, status }: Pod): Waiting | undefined {
  const is = (type: string, value: string) => status?.conditions?.find((one) => one.type === type)?.status === value;
  // Only a node that stopped reporting makes a running pod without a readiness probe unready.
  const silent = status?.phase === "Running" && is("Ready", "False") && is("ContainersReady", "True");
  const evicted = status?.conditions?.some(({ reason }) => reason === "DeletionByTaintManager") === true;
  if (!silent && !evicted) return undefined;
  const node = spec?.nodeName ?? "its node";
  return {
    reason: "NodeLost",
    message: `Node ${node} does not respond, or may no longer run pod ${metadata.name}. The Job replaces the pod once it is known to have ended: if the node does not return, kubectl delete node ${node}; another pod then replaces it.`,
  };
}

function ofPod({ metadata, spec, status }: Pod, job: Job): Waiting {
  if (metadata.deletionTimestamp !== undefined) {
    return { reason: unexplained, message: `Pod ${metadata.name} is ending; another pod replaces it.` };
  }
  const unscheduled = status?.conditions?.find((one) => one.type === "PodScheduled" && one.status === "False");
  if (unscheduled) {
    const { reason = "Unschedulable", message = "" } = unscheduled;
    return worded(reason, `No node accepts the pod: ${message}`, job);
  }
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting;
  if (waiting?.reason !== undefined && waiting.reason !== "ContainerCreating") {
    const reason = waiting.reason === "ErrImagePull" ? imageBackOff : waiting.reason;
    const message = (waiting.message ?? waiting.reason).replace(backOffWords, "");
    return worded(reason, `Pod ${metadata.name}: ${message}`, job);
  }
  const { nodeName, schedulerName = defaultScheduler } = spec ?? {};
  if (nodeName === undefined && schedulerName !== defaultScheduler) {
    const message = `Scheduler ${schedulerName} has not chosen a node for pod ${metadata.name} yet. If no such scheduler runs, fix placement.schedulerName.`;
    return { reason: unexplained, message };
  }
  return { reason: unexplained, message: `Pod ${metadata.name} is starting.` };
}

/** It reports at once why no node accepts a pod; another scheduler may not run. */
const defaultScheduler = "default-scheduler";

/** The kubelet alternates between a failed pull and its back-off: the operator reports both as one state. */
const imageBackOff = "ImagePullBackOff";
const backOffWords = /^Back-off pulling image "[^"]*": (ErrImagePull: )?/;

/** No pod is alive: the end of the last pod determines what the Job does next. */
function afterEnd({ status }: Job, pods: readonly Pod[]): Waiting | undefined {
  const [last] = terminations(pods);
  if (last === undefined || last.exitCode === 0) return undefined;
  if (last.stopped) {
    return { reason: unexplained, message: "The last pod stopped on request; another pod replaces it." };
  }
  const envelope = parseEnvelope(last.message);
  const words = envelope ? `${envelope.reason}: ${envelope.message}` : `exit code ${last.exitCode}`;
  const ends = status?.conditions?.some((one) => one.type === "FailureTarget" && one.status === "True");
  if (ends || failsTheJob(last.exitCode)) {
    return { reason: unexplained, message: `The pod failed, and so does its Job: ${words}` };
  }
  return { reason: "Retrying", message: `The last pod failed; another pod retries: ${words}` };
}

/** A warning about a Job or a pod, with its fix. */
export function warned({ reason, message }: Waiting, job: Job): Waiting {
  return worded(reason, message.replace(podToBe, '$1*"'), job);
}

/** Kubernetes retries a pod that cannot be created under a new name: the operator reports all of them as one state. */
const podToBe = /(^Error creating: [Pp]ods? "[^"]+-)[a-z0-9]{5}"/;

const anyFix = ({ resources, where }: Pick<PlacementFields, "resources" | "where">) =>
  `The pod starts once a node accepts it: lower ${resources}, fix the selectors, affinity and tolerations of ${where}, or add a node.`;

/** Fixes by reason and message; the first that matches is appended. */
const fixes: readonly { reason: RegExp; message?: RegExp; fix: (fields: PlacementFields) => string }[] = [
  {
    reason: /^(Unschedulable|SchedulingGated)$/,
    message: /persistentvolumeclaim "[^"]+" not found/,
    fix: () => "Create that claim in this namespace, or fix the URI that names it; the pod then starts.",
  },
  {
    reason: /^Unschedulable$/,
    message: /unbound immediate PersistentVolumeClaims|volume node affinity conflict/,
    fix: () => "Find out why the claim has no usable volume: kubectl describe pvc.",
  },
  {
    // A node without any of a device counts as one that has too few.
    reason: /^Unschedulable$/,
    message: /^(?!.*Insufficient (cpu|memory)).*Insufficient [a-z0-9.-]+\//,
    fix: ({ where }) =>
      `The pod starts once a node has that device free: wait for another pod to end, check that its device plugin runs (kubectl describe node), fix ${where}.gpuResourceName, or add a node.`,
  },
  {
    reason: /^Unschedulable$/,
    message: /didn't match Pod's node affinity\/selector/,
    fix: ({ resources, where, gpuClass }) =>
      gpuClass === undefined
        ? anyFix({ resources, where })
        : `The pod starts once a node has that class of GPU: ${where}.gpuClass is ${gpuClass}; compare kubectl get nodes -L nvidia.com/gpu.product, or leave it out. Else fix the selectors and affinity of ${where}, or add a node.`,
  },
  {
    reason: /^Unschedulable$/,
    fix: anyFix,
  },
  {
    reason: /^(ImagePullBackOff|InvalidImageName|ErrImageNeverPull)$/,
    fix: () =>
      "Fix the chart's images.trainer, or, if the registry needs credentials, name a Secret in placement.imagePullSecrets.",
  },
  {
    reason: /^FailedMount$/,
    message: /secret "[^"]+" not found/,
    fix: () => "Create that Secret in this namespace; the pod then starts.",
  },
  {
    reason: /^FailedMount$/,
    message: /non-existent secret key/,
    fix: () => "Add that key to the Secret; the pod then starts.",
  },
  {
    reason: /^FailedAttachVolume$/,
    message: /Multi-Attach/,
    fix: ({ where }) =>
      `The claim is in use on another node: wait for the pod there, or choose that node in the nodeSelector of ${where}.`,
  },
  {
    reason: /^FailedCreate$/,
    message: /must specify /,
    fix: ({ resources }) => `Set in ${resources} the values that the namespace's quota requires.`,
  },
  {
    reason: /^FailedCreate$/,
    message: /exceeded quota/,
    fix: ({ resources }) => `Raise the namespace's quota, or lower ${resources}.`,
  },
  {
    reason: /^FailedCreate$/,
    message: /(maximum|minimum) \S+ usage per|max limit to request ratio/,
    fix: ({ resources }) => `Set ${resources} to what the namespace's LimitRange allows.`,
  },
  {
    reason: /^FailedCreate$/,
    message: /must be less than or equal to \S+ limit/,
    fix: ({ resources }) =>
      `Set requests and limits in ${resources}: the namespace's LimitRange supplies the missing ones.`,
  },
  {
    reason: /^FailedCreate$/,
    message: /serviceaccount "[^"]+" not found/,
    fix: () => "Create that ServiceAccount, or remove placement.serviceAccountName.",
  },
  {
    reason: /^FailedCreate$/,
    message: /no PriorityClass with name/,
    fix: () => "Create that PriorityClass, or remove placement.priorityClassName.",
  },
  {
    reason: /^FailedCreate$/,
    message: /RuntimeClass "?[^ "]+"? not found/i,
    fix: () => "Create that RuntimeClass, or remove placement.runtimeClassName.",
  },
];

function worded(reason: string, message: string, job: Job): Waiting {
  const found = fixes.find((one) => one.reason.test(reason) && one.message?.test(message) !== false);
  return { reason, message: found === undefined ? sentence(message) : withFix(message, found.fix(fieldsOf(job))) };
}

export const isUnexplained = ({ reason }: Waiting) => reason === unexplained;

/** Is this a wait that needs a person? */
export function needsAttention(reason: string): boolean {
  return ![unexplained, "Queued", "Retrying"].includes(reason);
}
