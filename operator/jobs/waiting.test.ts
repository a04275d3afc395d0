import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { labels } from "../api/names.ts";
import { aBatchJob, anEnvelope, aPod } from "../testing/builders.ts";
import { jobState } from "./outcome.ts";
import type { Job, Pod } from "./resources.ts";
import { needsAttention, waitCause, warned } from "./waiting.ts";

type Conditions = readonly { type: string; status: string; reason?: string }[];

function withConditions(pod: Pod, conditions: Conditions, deletionTimestamp?: string): Pod {
  const metadata = { ...pod.metadata, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  const spec = { nodeName: "node-7", containers: [] };
  return { ...pod, metadata, spec, status: { ...pod.status, conditions: conditions.map((one) => ({ ...one })) } };
}

const suspended: Job = { ...aBatchJob(), spec: { suspend: true, template: {} } };
const trainJob: Job = { ...aBatchJob(), metadata: { ...aBatchJob().metadata, labels: { [labels.stage]: "train" } } };
const ofClass: Job = {
  ...trainJob,
  metadata: { ...trainJob.metadata, labels: { [labels.stage]: "train", [labels.gpuClass]: "NVIDIA-L4" } },
};
const running = aPod({ running: true });
const silent = [
  { type: "Ready", status: "False" },
  { type: "ContainersReady", status: "True" },
];
const evicted = [{ type: "DisruptionTarget", status: "True", reason: "DeletionByTaintManager" }];
const drained = [{ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" }];
const badRow = anEnvelope({ stage: "Prepare", outcome: "Failed", reason: "BadRow", message: "line 7" });
const full = anEnvelope({ stage: "Train", outcome: "Failed", reason: "StoreFull", message: "no space left" });

describe("a Job whose pod does not run reports the cause and the fix", () => {
  const cases: { name: string; job?: Job; pods: Pod[]; reason: string; expected: RegExp }[] = [
    { name: "it has no pod yet", pods: [], reason: "Pending", expected: /Waiting for the Job's pod/ },
    {
      name: "a queue holds it",
      job: suspended,
      pods: [],
      reason: "Queued",
      expected:
        /^Job job is suspended by a queue, or because its spec\.suspend is set\. It resumes when the queue admits it/,
    },
    {
      name: "a queue suspends it again",
      job: suspended,
      pods: [withConditions(running, [], "2026-01-02T03:00:00Z")],
      reason: "Queued",
      expected: /Its pod is ending\./,
    },
    {
      name: "another scheduler has not chosen a node",
      pods: [{ ...aPod({}), spec: { schedulerName: "volcano", containers: [] } }],
      reason: "Pending",
      expected:
        /^Scheduler volcano has not chosen a node for pod pod yet\. If no such scheduler runs, fix placement\.schedulerName\.$/,
    },
    {
      name: "another scheduler has chosen a node",
      pods: [{ ...aPod({}), spec: { schedulerName: "volcano", nodeName: "node-7", containers: [] } }],
      reason: "Pending",
      expected: /^Pod pod is starting\.$/,
    },
    {
      name: "the default scheduler has not chosen a node",
      pods: [{ ...aPod({}), spec: { schedulerName: "default-scheduler", containers: [] } }],
      reason: "Pending",
      expected: /^Pod pod is starting\.$/,
    },
    {
      name: "no node has room",
      pods: [aPod({ unschedulable: "0/1 nodes are available: 1 Insufficient memory." })],
      reason: "Unschedulable",
      expected:
        /Insufficient memory\. The pod starts once a node accepts it: lower helpers\.resources, fix .* of helpers/,
    },
    {
      name: "no node has room for the training",
      job: trainJob,
      pods: [aPod({ unschedulable: "0/1 nodes are available: 1 Insufficient memory." })],
      reason: "Unschedulable",
      expected:
        /The pod starts once a node accepts it: lower placement\.resources, fix .* of placement, or add a node\.$/,
    },
    {
      name: "no node has a GPU free",
      job: trainJob,
      pods: [aPod({ unschedulable: "0/2 nodes are available: 2 Insufficient nvidia.com/gpu." })],
      reason: "Unschedulable",
      expected:
        /Insufficient nvidia\.com\/gpu\. The pod starts once a node has that device free: .*fix placement\.gpuResourceName, or add a node\.$/,
    },
    {
      name: "a node with a GPU has no memory",
      job: trainJob,
      pods: [aPod({ unschedulable: "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu." })],
      reason: "Unschedulable",
      expected: /lower placement\.resources, fix .* of placement, or add a node\.$/,
    },
    {
      name: "no node has that class of GPU",
      job: ofClass,
      pods: [aPod({ unschedulable: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector." })],
      reason: "Unschedulable",
      expected: /The pod starts once a node has that class of GPU: placement\.gpuClass is NVIDIA-L4; compare kubectl/,
    },
    {
      name: "its claim is missing",
      pods: [aPod({ unschedulable: '0/1 nodes are available: persistentvolumeclaim "nowhere" not found' })],
      reason: "Unschedulable",
      expected: /"nowhere" not found\. Create that claim in this namespace/,
    },
    {
      name: "its claim has no volume",
      pods: [aPod({ unschedulable: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims." })],
      reason: "Unschedulable",
      expected: /PersistentVolumeClaims\. Find out why the claim has no usable volume: kubectl describe pvc\.$/,
    },
    {
      name: "the name of its image is invalid",
      pods: [aPod({ waiting: "InvalidImageName" })],
      reason: "InvalidImageName",
      expected: /Fix the chart's images\.trainer/,
    },
    {
      name: "its image may not be pulled",
      pods: [aPod({ waiting: "ErrImageNeverPull" })],
      reason: "ErrImageNeverPull",
      expected: /Fix the chart's images\.trainer/,
    },
    {
      name: "its image cannot be pulled",
      pods: [aPod({ waiting: "ImagePullBackOff" })],
      reason: "ImagePullBackOff",
      expected: /because\. Fix the chart's images\.trainer, or.*imagePullSecrets/,
    },
    {
      name: "its node does not respond",
      pods: [withConditions(running, silent)],
      reason: "NodeLost",
      expected: /Node node-7 does not respond.*kubectl delete node node-7/,
    },
    {
      name: "its pod was evicted from a node that does not respond",
      pods: [withConditions(running, evicted, "2026-01-02T03:00:00Z")],
      reason: "NodeLost",
      expected: /kubectl delete node node-7/,
    },
    {
      name: "its pod is ending",
      pods: [withConditions(running, [{ type: "Ready", status: "True" }], "2026-01-02T03:00:00Z")],
      reason: "Pending",
      expected: /is ending; another pod replaces it/,
    },
    {
      name: "its last pod failed and another pod retries",
      pods: [aPod({ exitCode: 24, message: full })],
      reason: "Retrying",
      expected: /another pod retries: StoreFull: no space left/,
    },
    {
      name: "its last pod failed, and a retry cannot help",
      pods: [aPod({ exitCode: 20, message: badRow })],
      reason: "Pending",
      expected: /^The pod failed, and so does its Job: BadRow: line 7$/,
    },
    {
      name: "its last pod failed, and no retries are left",
      job: { ...aBatchJob(), status: { conditions: [{ type: "FailureTarget", status: "True" }] } },
      pods: [aPod({ exitCode: 24, message: full })],
      reason: "Pending",
      expected: /^The pod failed, and so does its Job: StoreFull/,
    },
    {
      name: "its last pod stopped on request",
      pods: [aPod({ exitCode: 10 })],
      reason: "Pending",
      expected: /^The last pod stopped on request; another pod replaces it\.$/,
    },
    {
      name: "its last pod was drained, and killed after its grace period",
      pods: [withConditions(aPod({ exitCode: 137 }), drained)],
      reason: "Pending",
      expected: /^The last pod stopped on request/,
    },
    {
      name: "its last pod was drained after another had failed",
      pods: [aPod({ exitCode: 24, message: full }), aPod({ exitCode: 10, finishedAt: "2026-01-02T03:03:30Z" })],
      reason: "Pending",
      expected: /^The last pod stopped on request/,
    },
  ];
  for (const { name, job = aBatchJob(), pods, reason, expected } of cases) {
    test(`the reason is ${reason} when ${name}`, () => {
      const state = jobState(job, pods);
      assert.ok(state.kind === "Pending");
      assert.equal(state.reason, reason);
      assert.match(state.message, expected);
    });
  }

  test("a pod that has succeeded has not failed: its Job completes", () => {
    const done = aPod({ exitCode: 0, message: anEnvelope({ stage: "Train" }) });
    const criteria: Job = { ...aBatchJob(), status: { conditions: [{ type: "SuccessCriteriaMet", status: "True" }] } };
    const failedBefore = aPod({ exitCode: 24, message: full, finishedAt: "2026-01-02T03:03:59Z" });
    for (const job of [aBatchJob(), criteria]) {
      for (const pods of [[done], [failedBefore, done]]) assert.equal(jobState(job, pods).kind, "Completing");
    }
  });

  test("repeated pulls of an image are one state", () => {
    const waits = (reason: string, message: string) => {
      const pod = aPod({ waiting: reason });
      const [container] = pod.status!.containerStatuses!;
      const state = { waiting: { reason, message } };
      return waitCause(aBatchJob(), [
        { ...pod, status: { ...pod.status, containerStatuses: [{ ...container!, state }] } },
      ]);
    };
    const failed = waits("ErrImagePull", 'failed to pull image "x"');
    assert.deepEqual(
      waits("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: failed to pull image "x"'),
      failed,
    );
  });

  test("a Job that cannot end reports the cause", () => {
    const deleted = {
      ...aBatchJob(),
      metadata: { ...aBatchJob().metadata, deletionTimestamp: "2026-01-02T03:00:00Z" },
    };
    const state = jobState(deleted, [withConditions(running, evicted, "2026-01-02T03:00:00Z")]);
    assert.ok(state.kind === "Deleting");
    assert.match(state.waiting?.message ?? "", /kubectl delete node node-7/);
  });

  test("a pod that trains on a responding node is running", () => {
    const well = silent.map(({ type }) => ({ type, status: "True" }));
    assert.equal(jobState(aBatchJob(), [withConditions(running, well)]).kind, "Running");
  });
});

describe("a fault that only Events report gets a fix, with the fields of its stage", () => {
  const create = (words: string) => `Error creating: pods "job-prep-0a1b2c3d-x7k2p" is forbidden: ${words}`;
  const cases: { name: string; reason: string; message: string; expected: RegExp; trains?: RegExp }[] = [
    {
      name: "a missing Secret",
      reason: "FailedMount",
      message: 'MountVolume.SetUp failed: secret "hub" not found',
      expected: /Create that Secret/,
    },
    {
      name: "a missing key",
      reason: "FailedMount",
      message: "references non-existent secret key: HF_TOKEN",
      expected: /Add that key/,
    },
    {
      name: "a claim on another node",
      reason: "FailedAttachVolume",
      message: "Multi-Attach error for volume",
      expected: /in use on another node: wait for the pod there, or choose that node in the nodeSelector of helpers \(/,
      trains: /choose that node in the nodeSelector of placement\.$/,
    },
    {
      name: "an exhausted quota",
      reason: "FailedCreate",
      message: create("exceeded quota: small"),
      expected:
        /^Error creating: pods "job-prep-0a1b2c3d-\*" is forbidden: exceeded quota: small\. Raise the namespace's quota, or lower helpers\.resources\.$/,
      trains: /lower placement\.resources\.$/,
    },
    {
      name: "a quota that requires a limit",
      reason: "FailedCreate",
      message: create("failed quota: mem: must specify limits.memory for: trainer"),
      expected: /Set in helpers\.resources the values that the namespace's quota requires\.$/,
      trains: /Set in placement\.resources the values/,
    },
    {
      name: "more than a LimitRange allows",
      reason: "FailedCreate",
      message: create("maximum memory usage per Container is 512Mi, but limit is 1Gi"),
      expected: /Set helpers\.resources to what the namespace's LimitRange allows\.$/,
      trains: /Set placement\.resources to what/,
    },
    {
      name: "a request above a LimitRange's default limit",
      reason: "FailedCreate",
      message:
        'Error creating: Pod "job-prep-0a1b2c3d-x7k2p" is invalid: spec.containers[0].resources.requests: Invalid value: "256Mi": must be less than or equal to memory limit of 128Mi',
      expected:
        /^Error creating: Pod "job-prep-0a1b2c3d-\*" is invalid.*Set requests and limits in helpers\.resources: the namespace's LimitRange/,
      trains: /Set requests and limits in placement\.resources/,
    },
    {
      name: "a missing ServiceAccount",
      reason: "FailedCreate",
      message: 'serviceaccount "bot" not found',
      expected: /Create that ServiceAccount/,
    },
    {
      name: "a missing PriorityClass",
      reason: "FailedCreate",
      message: "no PriorityClass with name low was found",
      expected: /Create that PriorityClass/,
    },
    {
      name: "a missing RuntimeClass",
      reason: "FailedCreate",
      message: 'pod rejected: RuntimeClass "kata" not found',
      expected: /Create that RuntimeClass/,
    },
    {
      name: "a message longer than allowed",
      reason: "FailedMount",
      message: `secret "x" not found${" and more".repeat(500)}`,
      expected: /^.{900,980} Create that Secret in this namespace; the pod then starts\.$/,
    },
    { name: "an unknown fault", reason: "SomethingElse", message: "as it is", expected: /^as it is\.$/ },
  ];
  for (const { name, reason, message, expected, trains = expected } of cases) {
    test(`${name} is reported, with its fix if one is known`, () => {
      assert.match(warned({ reason, message }, aBatchJob()).message, expected);
      assert.match(warned({ reason, message }, trainJob).message, trains);
    });
  }
});

test("a queue and a retry need no person; every other wait does", () => {
  assert.equal(
    waitCause({ ...aBatchJob(), spec: { suspend: true } } as ReturnType<typeof aBatchJob>, []).reason,
    "Queued",
  );
  assert.deepEqual(["Pending", "Queued", "Retrying", "NodeLost", "FailedMount"].map(needsAttention), [
    false,
    false,
    false,
    true,
    true,
  ]);
});
