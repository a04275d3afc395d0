/** What a FineTuneRun's decision may look at, and what it may ask for. */
import type { Progress } from "../../trainer/contract/progress.ts";
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import type { JobState } from "../jobs/outcome.ts";
import type { Job } from "../jobs/resources.ts";

export interface World {
  run: FineTuneRun;
  now: Date;
  /** Of new attempts. */
  trainerImage: string;
  /** FineTuneJobs whose current run this is and that are not suspended. */
  wantedBy: readonly string[];
  /** FineTuneJobs whose settings are this run's and that do not name it yet, or no longer: their status may be lost. */
  expectedBy: readonly string[];
  /** The newest attempt, while it has not ended. */
  attempt: CurrentAttempt | undefined;
  /** Read just now from the pod's log, when it was due. */
  progress: Progress | undefined;
}

export interface CurrentAttempt {
  record: Attempt;
  job: Job | undefined;
  /** `Foreign`: a Job of our name that belongs to something else. */
  state: JobState | { kind: "Foreign" };
}

export type Action =
  | { kind: "createJob"; job: Job }
  | { kind: "deleteJob"; job: Job }
  /** Not carried out if a pod of the Job runs by then. */
  | { kind: "deleteUnstarted"; job: Job };

export interface Decision {
  /** The whole wanted status. */
  status: FineTuneRunStatus;
  /** One at most, carried out before the status is written; a created Job's uid goes into it. */
  actions: readonly [] | readonly [Action];
  requeueAfterMs?: number | undefined;
}
