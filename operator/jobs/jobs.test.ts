import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { finalExitCodes } from "../../trainer/contract/exitCodes.ts";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { runFileSchema } from "../../trainer/contract/runFile.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { exportJob } from "../adapter/exports.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import { annotations } from "../api/names.ts";
import { prepareJob } from "../finetunejob/children.ts";
import { trainJob } from "../finetunerun/job.ts";
import { timestamp } from "../runtime/clock.ts";
import {
  aBatchJob,
  aJob,
  anAdapter,
  anEnvelope,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  image,
  now,
  pinnedStatus,
  succeeded,
  trainer,
} from "../testing/builders.ts";
import { claimMounts } from "./claims.ts";
import { jobState } from "./outcome.ts";
import { helperPlacement } from "./placement.ts";
import { lastProgress, progressStatus } from "./progress.ts";
import type { Job, Pod } from "./resources.ts";

const spec = aSpec({ helpers: { nodeSelector: { disk: "big" } } });
const key = prepareKey(trainingPart(spec));
const job = aJob(spec, pinnedStatus(key));
const wanted = { spec, prepareKey: key, specHash: "0".repeat(64), request: undefined };
const attempted = (activeDeadlineSeconds?: number) => ({
  jobName: "run-1",
  ...trainer,
  activeDeadlineSeconds,
});
const pod = (one: Job) => one.spec!.template.spec!;

describe("a rendered Job", () => {
  const train = trainJob(aRun(job), attempted(100));
  const prepare = prepareJob(job, wanted, trainer);

  test("a rendered Job holds a run file that the trainer reads", () => {
    for (const one of [train, prepare]) {
      const file: unknown = parse(one.spec!.template.metadata!.annotations![annotations.runFile]!);
      assert.deepEqual(runFileSchema.safeParse(file).error?.issues, undefined);
    }
  });

  test("a rendered Job runs restricted pods without a token", () => {
    for (const one of [train, prepare]) {
      const { securityContext, automountServiceAccountToken, containers } = pod(one);
      assert.equal(automountServiceAccountToken, false);
      assert.equal(securityContext?.runAsNonRoot, true);
      assert.equal(securityContext?.seccompProfile?.type, "RuntimeDefault");
      const container = containers[0]!.securityContext!;
      assert.equal(container.readOnlyRootFilesystem, true);
      assert.equal(container.allowPrivilegeEscalation, false);
      assert.deepEqual(container.capabilities?.drop, ["ALL"]);
    }
  });

  test("a rendered Job has time to write a checkpoint of its size when it must stop", () => {
    const seconds = (checkpointBytes: number) => {
      const run = aRun(job);
      const execution = { ...run.spec.execution, checkpointBytes };
      return pod(trainJob({ ...run, spec: { ...run.spec, execution } }, attempted(100))).terminationGracePeriodSeconds;
    };
    assert.deepEqual([16, 4e9, 1e13].map(seconds), [120, 260, 3600]);
    assert.equal(pod(prepare).terminationGracePeriodSeconds, 120);
  });

  test("a rendered Job mounts the sources read-only and only in prepare, and the store read-write", () => {
    const mounts = (one: Job) =>
      pod(one)
        .containers[0]!.volumeMounts!.filter(({ name }) => name.startsWith("claim-"))
        .map(({ mountPath, readOnly }) => [mountPath, readOnly]);
    assert.deepEqual(mounts(train), [["/luthier/claims/store", false]]);
    assert.deepEqual(mounts(prepare), [
      ["/luthier/claims/store", false],
      ["/luthier/claims/inputs", true],
    ]);
  });

  test("a rendered Job ignores disruptions and stops, and fails at once when a retry cannot help", () => {
    const rules = train.spec!.podFailurePolicy!.rules;
    assert.deepEqual(
      rules.map(({ action }) => action),
      ["Ignore", "Ignore", "FailJob"],
    );
    assert.deepEqual(rules[1]?.onExitCodes?.values, [10, 11]);
    assert.deepEqual(rules[2]?.onExitCodes?.values, [2, 12, 20, 21, 22, 23, 137]);
  });

  test("a rendered Job has the training's placement unless spec.helpers sets another", () => {
    assert.deepEqual(pod(prepare).nodeSelector, { "kubernetes.io/arch": "amd64", disk: "big" });
    const place = { gpusPerNode: 0, nodeSelector: { disk: "small" }, resources: { limits: { memory: "1Gi" } } };
    assert.deepEqual(helperPlacement(place, undefined), { nodeSelector: { disk: "small" } });
  });

  test("a rendered Job gets the whole placement unchanged", () => {
    const { requests, limits } = { requests: { cpu: 2, memory: "1Gi" }, limits: { memory: "2Gi" } };
    const where = {
      nodeSelector: { "kubernetes.io/arch": "amd64", disk: "fast" },
      tolerations: [{ key: "team", operator: "Exists" as const, effect: "NoSchedule" as const }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In" as const, values: ["a"] }] }],
          },
        },
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 10,
              podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { a: "b" } } },
            },
          ],
        },
      },
      priorityClassName: "low",
      runtimeClassName: "kata",
      schedulerName: "volcano",
      serviceAccountName: "trainer",
      imagePullSecrets: [{ name: "registry" }],
    };
    const placed = aPinnedJob(aSpec({ placement: { gpusPerNode: 0, resources: { requests, limits }, ...where } }));
    const rendered = pod(trainJob(aRun(placed), attempted()));
    for (const [field, value] of Object.entries(where))
      assert.deepEqual(rendered[field as keyof typeof rendered], value);
    assert.deepEqual(rendered.containers[0]?.resources, { requests: { cpu: "2", memory: "1Gi" }, limits });
    const helper = pod(prepareJob(placed, { ...wanted, spec: placed.spec }, trainer));
    for (const [field, value] of Object.entries(where)) assert.deepEqual(helper[field as keyof typeof helper], value);
    // Helper pods do not get the training's resources.
    assert.deepEqual(helper.containers[0]?.resources, { requests: { cpu: "100m", memory: "256Mi" } });
  });

  test("the training alone takes devices and waits in the queue; helpers have a queue of their own or none", () => {
    const placement = {
      ...{ gpusPerNode: 0, resources: { limits: { memory: "1Gi" } }, extendedResources: { "example.com/nic": 2 } },
      resourceClaims: [{ name: "link", resourceClaimTemplateName: "links" }],
      queue: { name: "team-a", priorityClass: "high" },
    };
    const placed = aPinnedJob(aSpec({ placement }));
    const rendered = trainJob(aRun(placed), attempted());
    const { containers, resourceClaims } = pod(rendered);
    assert.deepEqual(resourceClaims, placement.resourceClaims);
    const limits = { memory: "1Gi", "example.com/nic": "2" };
    assert.deepEqual(containers[0]?.resources, { limits, claims: [{ name: "link" }] });
    const queueOf = ({ metadata, spec }: Job) =>
      ["queue-name", "priority-class"].flatMap((key) => [
        metadata.labels?.[`kueue.x-k8s.io/${key}`],
        spec?.template.metadata?.labels?.[`kueue.x-k8s.io/${key}`],
      ]);
    assert.deepEqual(queueOf(rendered), ["team-a", undefined, "high", undefined]);
    const helper = (helpers?: object) => prepareJob(placed, { ...wanted, spec: { ...placed.spec, helpers } }, trainer);
    assert.deepEqual(queueOf(helper()), [undefined, undefined, undefined, undefined]);
    assert.deepEqual(queueOf(helper({ queue: { name: "small" } })), ["small", undefined, undefined, undefined]);
    assert.equal(pod(helper()).resourceClaims, undefined);
    assert.equal(pod(helper()).containers[0]?.resources?.limits, undefined);
  });

  test("a training on a GPU requests it and its class; helpers take none, and not its runtime", () => {
    const rendered = (placement: object) => {
      const placed = aPinnedJob(aSpec({ placement: { gpusPerNode: 1, ...placement } }));
      return { placed, train: pod(trainJob(aRun(placed), attempted())) };
    };
    const { train } = rendered({ resources: { limits: { memory: "8Gi" } } });
    const [container] = train.containers;
    assert.deepEqual(container?.resources, { limits: { memory: "8Gi", "nvidia.com/gpu": "1" } });
    assert.deepEqual(container?.args?.slice(3), ["--device", "cuda"]);
    assert.deepEqual(container?.env, [{ name: "NVIDIA_DRIVER_CAPABILITIES", value: "compute,utility" }]);
    assert.deepEqual(train.nodeSelector, { "kubernetes.io/arch": "amd64" });
    const slice = rendered({
      ...{ gpuResourceName: "nvidia.com/mig-3g.40gb", gpuClass: "NVIDIA-A100-MIG-3g.40gb", deviceMemory: "38Gi" },
      ...{ runtimeClassName: "nvidia", nodeSelector: { pool: "gpu" }, extendedResources: { "rdma/hca": 1 } },
    });
    const [sliced] = slice.train.containers;
    assert.deepEqual(sliced?.resources, { limits: { "rdma/hca": "1", "nvidia.com/mig-3g.40gb": "1" } });
    const found = ["--device", "cuda", "--gpu-class", "NVIDIA-A100-MIG-3g.40gb", "--memory", `${38 * 2 ** 30}`];
    assert.deepEqual(sliced?.args?.slice(3), found);
    const here = { "kubernetes.io/arch": "amd64", pool: "gpu" };
    assert.deepEqual(slice.train.nodeSelector, {
      ...here,
      "nvidia.com/mig-3g.40gb.product": "NVIDIA-A100-MIG-3g.40gb",
    });
    assert.equal(slice.train.runtimeClassName, "nvidia");
    // The operator's cache drops a Job's template, so its label tells the class.
    const { metadata } = trainJob(aRun(slice.placed), attempted());
    assert.equal(metadata.labels?.["luthier.dev/gpu-class"], "NVIDIA-A100-MIG-3g.40gb");
    const helper = pod(prepareJob(slice.placed, { ...wanted, spec: slice.placed.spec }, trainer));
    assert.deepEqual([helper.nodeSelector, helper.runtimeClassName], [here, undefined]);
    assert.deepEqual(helper.containers[0]?.resources, { requests: { cpu: "100m", memory: "256Mi" } });
    assert.equal(helper.containers[0]?.args?.includes("--device"), false);
  });

  test("all pods get the placement's labels and annotations, and keep the operator's", () => {
    const labels = { team: "search", "luthier.dev/stage": "mine" };
    const annotations = { "example.com/note": "any text", "luthier.dev/run-file": "mine" };
    const plain = aPinnedJob(aSpec({ placement: { gpusPerNode: 0 } }));
    const placed = aPinnedJob(aSpec({ placement: { gpusPerNode: 0, labels, annotations } }));
    const entry = { name: "merged", merged: {} };
    const jobsOf = (one: typeof plain) => {
      const adapter = anAdapter(one, succeeded(aRun(one)));
      return [
        prepareJob(one, { ...wanted, spec: one.spec }, trainer),
        trainJob(aRun(one), attempted()),
        exportJob(adapter, adapter.spec, { entry, key: "0".repeat(16) }, trainer),
      ];
    };
    const [before, after] = [jobsOf(plain), jobsOf(placed)];
    for (const [index, made] of after.entries()) {
      const was = before[index]!;
      assert.deepEqual(made.spec!.template.metadata?.labels, {
        team: "search",
        ...was.spec!.template.metadata?.labels,
      });
      assert.deepEqual(made.spec!.template.metadata?.annotations, {
        "example.com/note": "any text",
        ...was.spec!.template.metadata?.annotations,
      });
      assert.deepEqual(made.metadata.labels, was.metadata.labels);
      assert.deepEqual(made.spec!.template.spec, was.spec!.template.spec);
    }
    assert.equal(aRun(placed).metadata.name, aRun(plain).metadata.name);
  });

  test("an export requests memory by the size of its model, unless helpers.resources sets the request", () => {
    const entry = { name: "merged", merged: {} };
    const resourcesOf = (spec: FineTuneJobSpec, totalParameters: number) => {
      const placed = aPinnedJob(spec);
      const { spec: of, ...adapter } = anAdapter(placed, succeeded(aRun(placed)));
      const results = { ...of.results!, totalParameters };
      const rendered = exportJob({ ...adapter, spec: of }, { ...of, results }, { entry, key: "0".repeat(16) }, trainer);
      return pod(rendered).containers[0]?.resources;
    };
    assert.deepEqual(resourcesOf(aSpec(), 6_200_000), { requests: { cpu: "100m", memory: "262Mi" } });
    assert.deepEqual(resourcesOf(aSpec(), 8e9), { requests: { cpu: "100m", memory: "7886Mi" } });
    const resources = { requests: { cpu: "1", memory: "3Gi" }, limits: { memory: "4Gi" } };
    assert.deepEqual(resourcesOf(aSpec({ helpers: { resources } }), 8e9), resources);
  });

  test("no child has a finalizer, or a label or annotation of its owner", () => {
    const tracked = {
      ...job,
      metadata: {
        ...job.metadata,
        finalizers: ["resources-finalizer.argocd.argoproj.io"],
        labels: { "app.kubernetes.io/instance": "argo", "kustomize.toolkit.fluxcd.io/name": "flux" },
        annotations: { "argocd.argoproj.io/tracking-id": "argo" },
      },
    };
    const run = { ...aRun(tracked), metadata: { ...aRun(tracked).metadata, ...tracked.metadata } };
    const adapter = anAdapter(tracked, succeeded(run));
    const entry = { name: "merged", merged: {} };
    const marked = {
      ...adapter,
      metadata: { ...adapter.metadata, labels: { ...adapter.metadata.labels, ...tracked.metadata.labels } },
    };
    const children = [
      prepareJob(tracked, wanted, trainer),
      aRun(tracked),
      trainJob(run, attempted()),
      adapter,
      exportJob(marked, marked.spec, { entry, key: "0".repeat(16) }, trainer),
    ];
    for (const { metadata } of children) {
      assert.equal(metadata.finalizers, undefined);
      assert.doesNotMatch(JSON.stringify([metadata.labels, metadata.annotations]), /argo|flux|instance/);
    }
  });
});

describe("a Job's state", () => {
  const cases = [
    { name: "no Job", job: undefined, pods: [], kind: "Absent" },
    { name: "no pod yet", job: aBatchJob(), pods: [], kind: "Pending" },
    {
      name: "an image that cannot be pulled",
      job: aBatchJob(),
      pods: [aPod({ waiting: "ImagePullBackOff" })],
      kind: "Pending",
      reason: "ImagePullBackOff",
    },
    {
      name: "suspended by a queue",
      job: { ...aBatchJob(), spec: { suspend: true } as Job["spec"] },
      pods: [],
      kind: "Pending",
      reason: "Queued",
    },
    { name: "running", job: aBatchJob(), pods: [aPod({ running: true })], kind: "Running" },
    {
      name: "being deleted",
      job: { ...aBatchJob(), metadata: { ...aBatchJob().metadata, deletionTimestamp: "x" } },
      pods: [aPod({ running: true })],
      kind: "Deleting",
    },
    { name: "finished by its pod", job: aBatchJob(), pods: [aPod({ exitCode: 0 })], kind: "Completing" },
    { name: "complete", job: aBatchJob({ type: "Complete" }), pods: [], kind: "Succeeded" },
    { name: "failed", job: aBatchJob({ type: "Failed" }), pods: [], kind: "Failed" },
  ];
  for (const { name, job: one, pods, kind, reason } of cases) {
    test(`${name} is ${kind}`, () => {
      const state = jobState(one, pods);
      assert.equal(state.kind, kind);
      if (reason) assert.equal(state.kind === "Pending" && state.reason, reason);
    });
  }
});

describe("a failed Job", () => {
  const policy = (code: number) => ({
    type: "Failed" as const,
    reason: "PodFailurePolicy",
    message: `Container trainer for pod team/pod failed with exit code ${code} matching FailJob rule at index 2`,
  });
  const limit = { type: "Failed" as const, reason: "BackoffLimitExceeded" };
  const failure = (condition: Parameters<typeof aBatchJob>[0], ...pods: Parameters<typeof aPod>[0][]) => {
    const state = jobState(aBatchJob(condition), pods.map(aPod));
    assert.equal(state.kind, "Failed");
    return state.kind === "Failed" ? state.failure : assert.fail();
  };

  for (const code of finalExitCodes) {
    test(`a Job that failed by exit code ${code} is not retried, whether its pod still exists or not`, () => {
      for (const pods of [[{ exitCode: code }], []]) {
        const { exitCode, retryable } = failure(policy(code), ...pods);
        assert.deepEqual([exitCode, retryable], [code, false]);
      }
    });
  }

  test("a Job that failed by a kill is retried, unless the kill was for memory", () => {
    assert.equal(failure(policy(137), { exitCode: 137, reason: "Error" }).retryable, true);
    assert.equal(failure(policy(137)).retryable, true);
    const memory = failure(policy(137), { exitCode: 137, reason: "OOMKilled" });
    assert.deepEqual([memory.reason, memory.retryable], ["HostMemoryExceeded", false]);
  });

  test("a Job that failed by crashes or an unreachable store has used up its own retries", () => {
    for (const code of [1, 24, 139]) {
      const { retryable, exhausted } = failure(limit, { exitCode: code });
      assert.deepEqual([retryable, exhausted], [true, true]);
    }
  });

  test("a Job that failed by crashes is explained by a pod that crashed, not by one that was drained later", () => {
    const pods = [
      { exitCode: 10, finishedAt: "2026-01-02T03:03:30Z" },
      { exitCode: 24, message: anEnvelope({ stage: "Train", outcome: "Failed", reason: "StoreFull" }) },
    ];
    assert.equal(failure(limit, ...pods).reason, "StoreFull");
  });

  test("a failed Job is explained by the pod that failed it, not by one that was stopped later", () => {
    const words = (reason: string) => anEnvelope({ stage: "Train", outcome: "Failed", reason, message: "words" });
    const pods = [
      { exitCode: 10, message: words("Stopped"), finishedAt: "2026-01-02T03:03:30Z" },
      { exitCode: 20, message: words("NoTrainedTokens") },
    ];
    assert.equal(failure(policy(20), ...pods).reason, "NoTrainedTokens");
  });
});

describe("an additional container beside the trainer", () => {
  const besides = (pod: Pod, exitCode: number): Pod => {
    const terminated = { exitCode, finishedAt: "2026-01-02T03:03:59Z" };
    const container = { name: "mesh", image, imageID: "", ready: false, restartCount: 0, state: { terminated } };
    return { ...pod, status: { ...pod.status, containerStatuses: [...pod.status!.containerStatuses!, container] } };
  };
  const words = (outcome: "Succeeded" | "Failed", reason: string) => anEnvelope({ stage: "Train", outcome, reason });

  test("an additional container beside the trainer does not hide the trainer's report by ending later", () => {
    const pod = besides(aPod({ exitCode: 0, message: words("Succeeded", "Completed") }), 0);
    const state = jobState(aBatchJob({ type: "Complete" }), [pod]);
    assert.ok(state.kind === "Succeeded");
    assert.equal(state.envelope?.reason, "Completed");
  });

  test("an additional container beside the trainer neither explains the Job's failure nor causes a retry", () => {
    const pod = besides(aPod({ exitCode: 24, message: words("Failed", "StoreUnreachable") }), 143);
    const failed = jobState(aBatchJob({ type: "Failed", reason: "BackoffLimitExceeded" }), [pod]);
    assert.ok(failed.kind === "Failed");
    assert.deepEqual([failed.failure.reason, failed.failure.exitCode], ["StoreUnreachable", 24]);
    const retried = jobState(aBatchJob(), [pod]);
    assert.match(retried.kind === "Pending" ? retried.message : "", /StoreUnreachable/);
  });
});

test("a claim that is written and read is mounted once, read-write", () => {
  assert.deepEqual(claimMounts({ read: ["pvc://b/x", "pvc://a/y", "pvc://b/z"], write: "pvc://a" }), [
    { claim: "a", readOnly: false },
    { claim: "b", readOnly: true },
  ]);
});

test("progress carries the time at which it was received, independent of the pod's clock", () => {
  const line = { phase: "Training", done: 1, total: 2, unit: "steps", time: "1999-01-01T00:00:00Z" } as const;
  assert.equal(progressStatus(line, undefined, now).updatedAt, timestamp(now));
});

test("steps are optimiser steps in every phase; evaluation and saving do not count", () => {
  const line = { done: 3, total: 3, time: now.toISOString() };
  let status = progressStatus({ phase: "EvaluatingBefore", unit: "examples", ...line }, undefined, now);
  assert.equal(status.steps, undefined);
  status = progressStatus({ phase: "Training", unit: "steps", ...line }, status, now);
  for (const [phase, unit] of [
    ["EvaluatingAfter", "examples"],
    ["Saving", "tensors"],
    ["Saving", "steps"],
  ] as const) {
    status = progressStatus({ phase, unit, ...line, done: 1, total: 1 }, status, now);
    assert.equal(status.steps, "3/3", `${phase} in ${unit}`);
  }
});

test("the last progress line counts, whatever surrounds it; without a loss it keeps the earlier one", () => {
  const line = (done: number, rest = "") =>
    `{"phase":"Training","done":${done},"total":60,"unit":"steps","time":"2026-01-02T03:04:05Z"${rest}}`;
  const progress = lastProgress([line(1), line(2, ',"loss":2'), "not ours", '{"phase":"Training","done":'].join("\n"));
  assert.equal(progress?.done, 2);
  const status = progressStatus(progress!, undefined, now);
  assert.equal(progressStatus(lastProgress(line(3))!, status, now).loss, "2");
});
