/** The input and the output of a FineTuneJob's decision. */
import type { AdapterSpec } from "../api/adapter.ts";
import type { FineTuneJobSpec, FineTuneJobStatus, PlanStatus } from "../api/fineTuneJob.ts";
import type { FineTuneRunSpec } from "../api/fineTuneRun.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import type { Job } from "../jobs/resources.ts";
import type { KubeObject } from "../runtime/objects.ts";
import type { MemoryBound } from "./fit.ts";

/** A spec that was parsed through its schema, with its hashes. */
export interface Wanted {
  spec: FineTuneJobSpec;
  prepareKey: string;
  specHash: string;
  /** The `luthier.dev/requested-at` to act on now. */
  request: string | undefined;
}

/** `retryAfterMs`: the planner failed and is retried then; without it the settings are refused. */
export type Plan = { kind: "planned"; plan: PlanStatus } | { kind: "failed"; message: string; retryAfterMs?: number };

export interface World {
  job: FineTuneJob;
  now: Date;
  /** Or the issues that make the spec invalid. */
  wanted: Wanted | { issue: string };
  trainerImage: string;
  /** Settings of the pods. */
  pods: PodSettings;
  /** All Adapters of this FineTuneJob's name. */
  adapters: readonly Adapter[];
  /** The run that status.currentRunRef names, if its uid is still the same. */
  currentRun: FineTuneRun | undefined;
  /** Names of the other FineTuneJobs that want the current run now. */
  runWantedBy: readonly string[];
  /** The prepare Job of the wanted inputs; read only while they are not pinned. */
  prepare: ObservedJob | undefined;
  /** The scheduled check of the data that is due, with its Job; without one if the inputs could not be read at all. */
  check: { scheduledAt: string; observed: ObservedJob | undefined } | undefined;
  /** Prepare Jobs of other inputs, and checks that are no longer due, that still run. */
  stalePrepares: readonly Job[];
  /** The memory limit of the training's pod, if known. */
  memory: MemoryBound | undefined;
  /** Present when the pins are current and no Adapter of the settings is known. */
  plan: Plan | undefined;
  /** Hash of the wanted run; present when the pins are current. */
  runHash: string | undefined;
  /** The run that has the wanted run's name. */
  run: FineTuneRun | undefined;
  /** The first of the FineTuneJobs that want this run; its placement applies. */
  placer: string | undefined;
  /** Another FineTuneJob's Adapter has the name of the Adapter to create. */
  adapterNameTaken: boolean;
}

export type Action =
  | { kind: "createPrepare"; job: Job }
  | { kind: "createCheck"; job: Job }
  | { kind: "deleteJob"; job: Job }
  /** Not carried out if a pod of the Job runs by then. */
  | { kind: "deleteUnstarted"; job: Job }
  | { kind: "createRun"; run: KubeObject & { spec: FineTuneRunSpec } }
  | { kind: "ownRun"; run: FineTuneRun }
  | { kind: "updateExecution"; run: FineTuneRun; execution: FineTuneRunSpec["execution"] }
  /** Creates it. */
  | { kind: "applyAdapter"; adapter: KubeObject & { spec: AdapterSpec } }
  | { kind: "updateAdapter"; adapter: Adapter; update: AdapterUpdate }
  | { kind: "promote"; adapter: string };

/** The FineTuneJob's update of an existing Adapter. */
export interface AdapterUpdate {
  /** Includes exports that others added. */
  exports: NonNullable<AdapterSpec["exports"]>;
  execution: AdapterSpec["execution"];
  /** Names of the FineTuneJob's own exports, for the annotation. */
  names: string;
}

export interface Decision {
  /** The whole wanted status. */
  status: FineTuneJobStatus;
  actions: readonly Action[];
  requeueAfterMs?: number | undefined;
}
