/** What a FineTuneJob's decision may look at, and what it may ask for. */
import type { AdapterSpec } from "../api/adapter.ts";
import type { FineTuneJobSpec, FineTuneJobStatus, PlanStatus } from "../api/fineTuneJob.ts";
import type { FineTuneRunSpec } from "../api/fineTuneRun.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import type { Job } from "../jobs/resources.ts";
import type { KubeObject } from "../runtime/objects.ts";
import type { MemoryBound } from "./fit.ts";

/** A spec that was read through its schema, with the names of its work. */
export interface Wanted {
  spec: FineTuneJobSpec;
  prepareKey: string;
  specHash: string;
  /** The `luthier.dev/requested-at` to act on now. */
  request: string | undefined;
}

/** `retryAfterMs`: the planner broke, and is asked again then; without it the settings are refused. */
export type Plan = { kind: "planned"; plan: PlanStatus } | { kind: "failed"; message: string; retryAfterMs?: number };

export interface World {
  job: FineTuneJob;
  now: Date;
  /** Or why the spec cannot be read. */
  wanted: Wanted | { issue: string };
  trainerImage: string;
  /** All Adapters of this FineTuneJob's name. */
  adapters: readonly Adapter[];
  /** The run that status.currentRunRef names, if it is still that one. */
  currentRun: FineTuneRun | undefined;
  /** Names of the other FineTuneJobs that want the current run now. */
  runWantedBy: readonly string[];
  /** The prepare Job of the wanted inputs; read only while they are not pinned. */
  prepare: ObservedJob | undefined;
  /** Prepare Jobs of other inputs that still run. */
  stalePrepares: readonly Job[];
  /** The limit of the training's pod, where one is known. */
  memory: MemoryBound | undefined;
  /** Present when the pins are current and nothing is known to be trained. */
  plan: Plan | undefined;
  /** Hash of the wanted run; present when the pins are current. */
  runHash: string | undefined;
  /** What has the wanted run's name. */
  run: FineTuneRun | undefined;
  /** Of the FineTuneJobs that want that run now, the one that asked first: it places it. */
  placer: string | undefined;
  /** The name of the Adapter to be made belongs to one that is not this job's. */
  adapterNameTaken: boolean;
}

export type Action =
  | { kind: "createPrepare"; job: Job }
  | { kind: "deleteJob"; job: Job }
  /** Unless a pod of it runs by now. */
  | { kind: "deleteUnstarted"; job: Job }
  | { kind: "createRun"; run: KubeObject & { spec: FineTuneRunSpec } }
  | { kind: "ownRun"; run: FineTuneRun }
  | { kind: "updateExecution"; run: FineTuneRun; execution: FineTuneRunSpec["execution"] }
  /** Creates it. */
  | { kind: "applyAdapter"; adapter: KubeObject & { spec: AdapterSpec } }
  | { kind: "updateAdapter"; adapter: Adapter; update: AdapterUpdate }
  | { kind: "promote"; adapter: string };

/** What a FineTuneJob says of an Adapter that is there. */
export interface AdapterUpdate {
  /** Those of others are among them. */
  exports: NonNullable<AdapterSpec["exports"]>;
  execution: AdapterSpec["execution"];
  /** Names of the FineTuneJob's own, for the annotation. */
  names: string;
}

export interface Decision {
  /** The whole status that should be. */
  status: FineTuneJobStatus;
  actions: readonly Action[];
  requeueAfterMs?: number | undefined;
}
