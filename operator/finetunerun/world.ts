/** The input and the output of a FineTuneRun's decision. */
import type { Curve } from "../../trainer/contract/curves.ts";
import type { Progress } from "../../trainer/contract/progress.ts";
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import type { JobState } from "../jobs/outcome.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import type { Job } from "../jobs/resources.ts";
import type { Turn } from "./turns.ts";

export interface World {
  run: FineTuneRun;
  now: Date;
  /** Image of new attempts. */
  trainerImage: string;
  /** Settings of the pods. */
  pods: PodSettings;
  /** FineTuneJobs whose current run this is and that are not suspended. */
  wantedBy: readonly string[];
  /** FineTuneJobs with this run's settings whose status does not name it: the run is new, or the status was lost. */
  expectedBy: readonly string[];
  /** The place in the namespace's queue; undefined: a new attempt may start. */
  turn: Turn | undefined;
  /** The newest attempt, while it has not ended. */
  attempt: CurrentAttempt | undefined;
  /** Read from the pod's log in this reconcile, if it was due. */
  progress: Progress | undefined;
  /** Read from the log of a training that succeeded. */
  curves?: readonly Curve[] | undefined;
}

export interface CurrentAttempt {
  record: Attempt;
  job: Job | undefined;
  /** `Foreign`: a Job of the attempt's name that belongs to another owner. */
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
  /** At most one, carried out before the status write; the status records the uid of a created Job. */
  actions: readonly [] | readonly [Action];
  requeueAfterMs?: number | undefined;
}
