/** The input and the output of an Adapter's decision. */
import type { ExportEntry } from "../../trainer/contract/exports.ts";
import type { AdapterSpec, AdapterStatus } from "../api/adapter.ts";
import type { Adapter } from "../api/kinds.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import type { Job } from "../jobs/resources.ts";

export interface ExportWorld extends ObservedJob {
  entry: ExportEntry;
  /** Hash of the requested export. */
  key: string;
  /** The tag of the promoted revision, if its Job moves it. */
  tag?: string;
}

export interface World {
  adapter: Adapter;
  now: Date;
  /** Image of new exports. */
  trainerImage: string;
  /** Settings of the pods. */
  pods: PodSettings;
  /** Or the issues that make the spec invalid. */
  spec: AdapterSpec | { issue: string };
  exports: readonly ExportWorld[];
  /** Jobs of exports that are no longer requested. */
  staleJobs: readonly Job[];
}

export type Action =
  | { kind: "createJob"; job: Job }
  | { kind: "deleteJob"; job: Job }
  /** Not carried out if a pod of the Job runs by then. */
  | { kind: "deleteUnstarted"; job: Job };

export interface Decision {
  status: AdapterStatus;
  actions: readonly Action[];
  requeueAfterMs?: number | undefined;
}
