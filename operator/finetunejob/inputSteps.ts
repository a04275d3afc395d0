/** The steps that pin a FineTuneJob's inputs: a prepare Job reads, digests and stages them. Pure. */
import { pinsOf } from "../../trainer/contract/stageFiles.ts";
import { cut, longest } from "../api/common.ts";
import type { FineTuneJobStatus, PrepareStatus } from "../api/fineTuneJob.ts";
import { annotations } from "../api/names.ts";
import { mayHaveMore, memoryLimitOf } from "../jobs/helperMemory.ts";
import { hopelessMessage, isHopeless, reportLost, withLostReport } from "../jobs/lostReports.ts";
import { hostMemoryExceeded } from "../jobs/outcome.ts";
import { isOutdated } from "../jobs/render.ts";
import type { Job } from "../jobs/resources.ts";
import { withFix } from "../jobs/sentence.ts";
import { needsAttention } from "../jobs/waiting.ts";
import { timestamp } from "../runtime/clock.ts";
import { prepareJob, prepareName } from "./children.ts";
import { afterReading } from "./dataCheck.ts";
import { decisionOf, nameConflict, type Readable, type Step } from "./decision.ts";
import { inputsMessage } from "./facts.ts";
import { askedByUser, currentPins, inputsOf, prepareFiguresOf, storeName } from "./pins.ts";
import type { Decision } from "./world.ts";

/** The operator does not retry a failed prepare: the same inputs have the same fault. */
export const prepareFailed: Step = (world) => {
  const { job, wanted } = world;
  const { prepare } = job.status ?? {};
  if (pinned(world) || prepare?.outcome !== "Failed" || prepare.jobName !== prepareName(job, wanted)) return undefined;
  if (mayHaveMore(prepare, memoryLimitOf(wanted.spec.helpers))) return undefined;
  // An active Job is newer than the status.
  if (!["Absent", "Failed"].includes(world.prepare?.state.kind ?? "Absent")) return undefined;
  return stalledPrepare(world, prepare.reason ?? "PrepareFailed", prepare.message ?? "", job.status ?? {});
};

/** The inputs are not pinned yet: a prepare Job reads them. */
export const prepare: Step = (world) => {
  if (pinned(world)) return undefined;
  const { job, wanted } = world;
  const { job: batchJob, state } = world.prepare ?? { job: undefined, state: { kind: "Absent" as const } };
  const running = withPrepare(world, { outcome: "Running", lostReports: lostReportsOf(world) });
  const limit = memoryLimitOf(wanted.spec.helpers);
  switch (state.kind) {
    case "Absent":
      return decisionOf(
        world,
        "Reconciling",
        "Preparing",
        "ResolvingInputs",
        "Creating the Job that reads the base model and the data.",
        {
          status: withPrepare(world, { outcome: "Running", lostReports: lostReportsOf(world), memoryLimit: limit }),
          actions: [{ kind: "createPrepare", job: prepareJob(job, wanted, world) }],
        },
      );
    case "Foreign":
      return nameConflict(world, `Job ${prepareName(job, wanted)}`);
    case "Deleting": {
      const words = state.waiting?.message ?? "Waiting until an earlier Job is deleted.";
      return decisionOf(world, "Reconciling", "Preparing", "ResolvingInputs", words, { status: running });
    }
    case "Pending": {
      if (batchJob && state.podRuns !== true && isOutdated(batchJob, prepareJob(job, wanted, world))) {
        const words =
          "The Job that reads the base model and the data has not started; the operator recreates it with the present settings.";
        const actions = [{ kind: "deleteUnstarted" as const, job: batchJob }];
        return decisionOf(world, "Reconciling", "Preparing", "ResolvingInputs", words, { status: running, actions });
      }
      const held = state.reason === "Queued";
      const queued = held || needsAttention(state.reason);
      const reason = held ? "HelperSuspended" : queued ? state.reason : "ResolvingInputs";
      return {
        ...decisionOf(world, "Reconciling", queued ? "Queued" : "Preparing", reason, state.message, {
          status: running,
        }),
        requeueAfterMs: state.pollAfterMs,
      };
    }
    case "Running":
      return decisionOf(world, "Reconciling", "Preparing", "ResolvingInputs", "Reading the base model and the data.", {
        status: running,
      });
    case "Completing":
      return decisionOf(
        world,
        "Reconciling",
        "Preparing",
        "ResolvingInputs",
        "The inputs are read; waiting for the Job to complete.",
        {
          status: running,
        },
      );
    case "Succeeded": {
      const figures = prepareFiguresOf(state.envelope, wanted.prepareKey);
      return figures ? pin(world, figures) : lostPrepare(world, batchJob);
    }
    case "Failed": {
      if (mayHaveMore({ reason: state.failure.reason, memoryLimit: memoryLimitBefore(world) }, limit)) {
        const message =
          "The memory limit of the pod that reads the inputs was raised; the operator reads the inputs again.";
        return decisionOf(world, "Reconciling", "Preparing", "ResolvingInputs", message, {
          status: running,
          actions: batchJob ? [{ kind: "deleteJob", job: batchJob }] : [],
        });
      }
      const reason = cut(state.failure.reason, longest.reason);
      const message = cut(state.failure.message, longest.longMessage);
      return stalledPrepare(world, reason, message, withPrepare(world, { outcome: "Failed", reason, message }));
    }
  }
};

function pin(world: Readable, figures: NonNullable<ReturnType<typeof prepareFiguresOf>>): Decision {
  const { request } = world.wanted;
  const check = world.job.status?.dataCheck;
  const asked = check?.pending === undefined ? request : askedByUser(world.job);
  const status: FineTuneJobStatus = {
    ...withPrepare(world, { outcome: "Succeeded" }),
    pins: { ...pinsOf(figures), store: storeName(world.job, world.wanted.spec) },
    inputs: inputsOf(figures),
    checkedAt: timestamp(world.now),
    ...(request === undefined || asked === undefined ? {} : { handledRequest: asked }),
    ...(request === undefined ? {} : afterReading(check, figures.dataset.examples)),
  };
  return decisionOf(world, "Reconciling", "Planning", "InputsResolved", inputsMessage(figures), { status });
}

/** The report is lost. A retry is cheap: the next Job finds the staged files in the store. */
function lostPrepare(world: Readable, batchJob: Job | undefined): Decision {
  const lostReports = withLostReport(lostReportsOf(world), batchJob);
  if (isHopeless(lostReports)) {
    const failure = { reason: reportLost, message: hopelessMessage(lostReports, world.trainerImage) };
    const status = withPrepare(world, { outcome: "Failed", ...failure, lostReports });
    return stalledPrepare(world, failure.reason, failure.message, status);
  }
  const message = "The report of the prepare Job was lost; the operator runs the Job again.";
  return decisionOf(world, "Reconciling", "Preparing", reportLost, message, {
    status: withPrepare(world, { outcome: "Running", lostReports }),
    actions: batchJob ? [{ kind: "deleteJob", job: batchJob }] : [],
  });
}

/** The lost reports of this same prepare Job. */
function lostReportsOf({ job, wanted }: Readable): string[] | undefined {
  const { prepare } = job.status ?? {};
  return prepare?.jobName === prepareName(job, wanted) ? prepare.lostReports : undefined;
}

/** The recorded memory limit of this same prepare Job. */
function memoryLimitBefore({ job, wanted }: Readable): string | undefined {
  const { prepare } = job.status ?? {};
  return prepare?.jobName === prepareName(job, wanted) ? prepare.memoryLimit : undefined;
}

function stalledPrepare(world: Readable, reason: string, message: string, status: FineTuneJobStatus): Decision {
  // The operator notices a raised memory limit in the spec.
  const text = reason === hostMemoryExceeded ? message : withFix(message, inputsFix, longest.longMessage);
  return decisionOf(world, "Stalled", "Failed", reason, text, { status });
}

const inputsFix = `Fix the fault and change the spec, or, if you fixed the files under the same URI, annotate: ${annotations.requestedAt}=$(date +%s).`;

type PrepareResult = Pick<PrepareStatus, "outcome" | "reason" | "message" | "lostReports" | "memoryLimit">;

function withPrepare(world: Readable, { lostReports, ...result }: PrepareResult): FineTuneJobStatus {
  const { job, wanted } = world;
  const { request, prepareKey } = wanted;
  const memoryLimit = "memoryLimit" in result ? result.memoryLimit : memoryLimitBefore(world);
  return {
    ...job.status,
    prepare: {
      key: prepareKey,
      ...(request === undefined ? {} : { requestedAt: request }),
      jobName: prepareName(job, wanted),
      ...result,
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
      ...(lostReports === undefined ? {} : { lostReports }),
    },
  };
}

const pinned = ({ job, wanted }: Readable) => currentPins(job, wanted) !== undefined;
