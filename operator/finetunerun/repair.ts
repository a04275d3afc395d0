/**
 * A FineTuneRun's status can be lost or altered: by a restore, by a person. What its Jobs show is repaired from them before
 * anything is decided. Pure. A Job that has not ended is the newest attempt, whatever the status says, so that a training
 * is neither overlooked nor joined by a second one; an end counts only where the record of the attempts agrees. Where that
 * record was wrong, nothing else in the status is believed.
 */
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { hasEnded } from "../jobs/outcome.ts";
import type { Job } from "../jobs/resources.ts";

/** `jobs`: all that the run owns. A status that agrees with them is returned as it is. */
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

/** Of those that have not ended the last one; when all have ended, the last one. */
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

/** How the run ended for good; undefined while it has not, or where its status contradicts itself. */
export function endOf({ attempts, conditions, results }: FineTuneRunStatus): "Succeeded" | "Failed" | undefined {
  const said = conditions?.find(({ type }) => type === "Succeeded")?.status;
  const outcome = attempts?.at(-1)?.outcome;
  if (said === "True") return outcome === "Succeeded" && results !== undefined ? "Succeeded" : undefined;
  return said === "False" && (outcome === "Failed" || outcome === "Lost") ? "Failed" : undefined;
}
