/**
 * Repairs a FineTuneRun's status from its Jobs before the decision: a restore or a person may lose or alter it. Pure. An
 * unfinished Job is the newest attempt, whatever the status says, so that the operator neither overlooks a training nor
 * starts a second one. An end counts only if the recorded attempts agree. If the record was wrong, the repair drops the
 * rest of the status too.
 */
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { hasEnded } from "../jobs/outcome.ts";
import type { Job } from "../jobs/resources.ts";

/** `jobs`: all Jobs that the run owns. Returns a status that agrees with them unchanged. */
export function repairedRun(run: FineTuneRun, jobs: readonly Job[]): FineTuneRun {
  const { status = {}, metadata } = run;
  const recorded = status.attempts ?? [];
  const real = recorded.filter(({ number, jobName }) => jobName === `${metadata.name}-${number}`);
  const attempts = withNewestJob(real, newestJob(metadata.name, jobs));
  const same = attempts.length === recorded.length && attempts.every((one, index) => one === recorded[index]);
  return same ? run : { ...run, status: { attempts } };
}

interface NumberedJob {
  number: number;
  job: Job;
}

/** The last unfinished Job; if all have ended, the last Job. */
function newestJob(runName: string, jobs: readonly Job[]): NumberedJob | undefined {
  const numbered = jobs.flatMap((job) => {
    const number = numberIn(runName, job.metadata.name);
    return number === undefined ? [] : [{ number, job }];
  });
  const underWay = numbered.filter(({ job }) => !hasEnded(job));
  return (underWay.length > 0 ? underWay : numbered).sort((a, b) => b.number - a.number)[0];
}

function numberIn(runName: string, jobName: string): number | undefined {
  const digits = jobName.startsWith(`${runName}-`) ? jobName.slice(runName.length + 1) : "";
  return /^[1-9]\d{0,5}$/.test(digits) ? Number(digits) : undefined;
}

function withNewestJob(attempts: Attempt[], newest: NumberedJob | undefined): Attempt[] {
  if (newest === undefined) return attempts;
  const { number, job } = newest;
  const last = attempts.at(-1);
  const known = hasEnded(job)
    ? last !== undefined && last.number >= number
    : last?.number === number && last.endedAt === undefined;
  if (known) return attempts;
  const { name, uid, creationTimestamp = "" } = job.metadata;
  const attempt: Attempt = {
    number,
    jobName: name,
    ...(uid === undefined ? {} : { jobUID: uid }),
    startedAt: creationTimestamp,
  };
  return [...attempts.filter((one) => one.number < number), attempt];
}

/** The final result of the run; undefined while it has none, or if its status contradicts itself. */
export function endOf({ attempts, conditions, results }: FineTuneRunStatus): "Succeeded" | "Failed" | undefined {
  const succeeded = conditions?.find(({ type }) => type === "Succeeded")?.status;
  const outcome = attempts?.at(-1)?.outcome;
  if (succeeded === "True") return outcome === "Succeeded" && results !== undefined ? "Succeeded" : undefined;
  return succeeded === "False" && (outcome === "Failed" || outcome === "Lost") ? "Failed" : undefined;
}
