/** Builders for tests. They build objects in the form that the API server returns. */
import { prepareKey, runHash, specHash } from "../../trainer/contract/hashes.ts";
import type { Envelope, PrepareFigures, TrainFigures } from "../../trainer/contract/report.ts";
import { pinsOf } from "../../trainer/contract/stageFiles.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { Results } from "../api/common.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { adapterOf, fineTuneRun } from "../finetunejob/children.ts";
import { inputsOf } from "../finetunejob/pins.ts";
import { resultsOf } from "../finetunerun/results.ts";
import type { Job, Pod } from "../jobs/resources.ts";

export const now = new Date("2026-01-02T03:04:05Z");
export const image = "registry.example/luthier-trainer:1";
/** The operator's part of a world: the image and the settings of its pods. */
export const trainer = { trainerImage: image, pods: { variables: {}, user: 65532 } };
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

export function aSpec(change: Partial<FineTuneJobSpec> = {}): FineTuneJobSpec {
  return {
    baseModel: { uri: "pvc://inputs/model" },
    dataset: { sources: [{ uri: "pvc://inputs/train.jsonl" }], maxSequenceLength: 512 },
    method: { lora: { rank: 8 } },
    placement: { gpusPerNode: 0, resources: { limits: { memory: "2Gi" } } },
    artifacts: { uri: "pvc://store" },
    ...change,
  };
}

export function aJob(spec: FineTuneJobSpec = aSpec(), status?: FineTuneJob["status"]): FineTuneJob {
  return {
    apiVersion: "luthier.dev/v1alpha1",
    kind: "FineTuneJob",
    metadata: { name: "bot", namespace: "team", uid: "job-uid", resourceVersion: "1", generation: 1 },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

/** A job whose inputs are pinned. */
export function aPinnedJob(spec: FineTuneJobSpec = aSpec()): FineTuneJob {
  return aJob(spec, pinnedStatus(prepareKey(trainingPart(spec))));
}

export function prepareFigures(prepareKey: string): PrepareFigures {
  return {
    prepareKey,
    baseRevision: "sha256-1",
    baseDigest: digestOf("1"),
    datasetDigest: digestOf("2"),
    model: {
      family: "llama",
      vocabSize: 4096,
      hiddenSize: 64,
      intermediateSize: 128,
      layers: 2,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      contextLength: 1024,
      ropeTheta: 10_000,
      rmsNormEps: 1e-5,
      tieWordEmbeddings: true,
    },
    baseDataType: "BF16",
    baseBytes: 1_000_000,
    dataset: {
      examples: 100,
      validationExamples: 0,
      testExamples: 0,
      tokens: 10_000,
      trainedTokens: 1_000,
      rows: 20,
      truncatedExamples: 0,
      duplicateExamples: 0,
      badRows: 0,
    },
  };
}

/** The status of a job whose inputs are pinned. */
export function pinnedStatus(prepareKey: string): NonNullable<FineTuneJob["status"]> {
  const figures = prepareFigures(prepareKey);
  return { pins: pinsOf(figures), inputs: inputsOf(figures) };
}

export function trainFigures(hash: string): TrainFigures {
  return {
    runHash: hash,
    steps: 60,
    bestStep: 60,
    loss: 0.123456,
    evalLoss: 0.2,
    evaluationBefore: { exactMatch: 0.5, examples: 100, majorityShare: 0.53 },
    evaluationAfter: { exactMatch: 0.95, examples: 100, majorityShare: 0.53 },
    trainableParameters: 1000,
    totalParameters: 2000,
    trainedTokens: 3000,
    tokensPerSecond: 1234.5,
    seconds: 60.1,
    predictedPeakBytes: 100,
    measuredPeakBytes: 90,
    resumes: 0,
    adapterDigest: digestOf("a"),
    adapterBytes: 10,
    numericsVersion: 1,
    isa: "avx512",
  };
}

export const someResults = (hash: string): Results => resultsOf(trainFigures(hash));

/** The run that `job` requests with its pins. */
export function aRun(job: FineTuneJob, status: FineTuneRun["status"] = {}): FineTuneRun {
  const training = trainingPart(job.spec);
  const pins = job.status?.pins;
  if (pins === undefined) throw new Error("a run needs a job with pins");
  const wanted = { spec: job.spec, prepareKey: pins.prepareKey, specHash: specHash(training), request: undefined };
  const run = fineTuneRun(job, wanted, {
    runHash: runHash(training, pins),
    pins,
    // From aPlan, which trains one parameter.
    planned: { checkpointBytes: 16, stagedBytes: 66 * 2 ** 20 },
  });
  return { ...run, metadata: { ...run.metadata, uid: "run-uid", resourceVersion: "1", generation: 1 }, status };
}

export function succeeded(run: FineTuneRun): FineTuneRun {
  return {
    ...run,
    status: {
      ...run.status,
      attempts: [anEndedAttempt(run, "Succeeded")],
      conditions: [succeededCondition("True")],
      results: someResults(run.spec.runHash),
    },
  };
}

export function failed(run: FineTuneRun): FineTuneRun {
  const attempts = [anEndedAttempt(run, "Failed")];
  return { ...run, status: { ...run.status, attempts, conditions: [succeededCondition("False")] } };
}

const anEndedAttempt = ({ metadata }: FineTuneRun, outcome: "Succeeded" | "Failed") => ({
  number: 1,
  jobName: `${metadata.name}-1`,
  jobUID: "batch-uid",
  startedAt: "2026-01-02T03:00:00Z",
  endedAt: "2026-01-02T03:03:00Z",
  outcome,
});

const succeededCondition = (status: "True" | "False") => ({
  type: "Succeeded",
  status,
  reason: status === "True" ? "Completed" : "Diverged",
  message: "words",
  lastTransitionTime: "2026-01-02T03:00:00Z",
});

/** The Adapter that `job` created from `run`. */
export function anAdapter(
  job: FineTuneJob,
  run: FineTuneRun,
  options: { promotedAt?: string; ready?: boolean } = {},
): Adapter {
  const adapter = adapterOf(job, run, {
    results: someResults(run.spec.runHash),
    revision: 1,
    spec: job.spec,
    trainerImage: image,
  });
  const { promotedAt, ready = true } = options;
  return {
    ...adapter,
    metadata: {
      ...adapter.metadata,
      uid: "adapter-uid",
      generation: 1,
      annotations: {
        [annotations.jobExports]: (job.spec.adapter?.exports ?? []).map(({ name }) => name).join(","),
        ...(promotedAt === undefined ? {} : { [annotations.promotedAt]: promotedAt }),
      },
    },
    spec: {
      ...adapter.spec,
      ...(job.spec.adapter?.exports === undefined ? {} : { exports: job.spec.adapter.exports }),
    },
    status: {
      observedGeneration: 1,
      conditions: [
        {
          type: "Ready",
          status: ready ? "True" : "False",
          reason: "Exported",
          message: "words",
          lastTransitionTime: "2026-01-02T03:00:00Z",
        },
      ],
    },
  };
}

export function aBatchJob(condition?: { type: "Complete" | "Failed"; reason?: string; message?: string }): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "job", namespace: "team", uid: "batch-uid" },
    ...(condition === undefined
      ? {}
      : { status: { conditions: [{ ...condition, status: "True", lastTransitionTime: "2026-01-02T03:04:00Z" }] } }),
  };
}

type Pods = {
  running?: boolean;
  exitCode?: number;
  finishedAt?: string;
  reason?: string;
  message?: string;
  unschedulable?: string;
  waiting?: string;
};

export function aPod({ running = false, exitCode, finishedAt = "2026-01-02T03:03:00Z", ...pod }: Pods): Pod {
  const { reason, message, unschedulable, waiting } = pod;
  const terminated =
    exitCode === undefined
      ? undefined
      : { exitCode, finishedAt, ...(reason && { reason }), ...(message && { message }) };
  const state = terminated ? { terminated } : waiting ? { waiting: { reason: waiting, message: "because" } } : {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "pod", namespace: "team" },
    status: {
      phase: running ? "Running" : terminated ? (exitCode === 0 ? "Succeeded" : "Failed") : "Pending",
      containerStatuses: [{ name: "trainer", image, imageID: "", ready: false, restartCount: 0, state }],
      ...(unschedulable === undefined
        ? {}
        : { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: unschedulable }] }),
    },
  };
}

export function anEnvelope(envelope: Partial<Envelope> & Pick<Envelope, "stage">): string {
  return JSON.stringify({ v: 1, outcome: "Succeeded", reason: "Completed", message: "done", ...envelope });
}
