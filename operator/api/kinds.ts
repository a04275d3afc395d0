/**
 * The three kinds: their schemas, their columns, and the rules that only the API server can check, because they compare
 * with the old object or use the name. Every other rule is part of its schema (`trainer/contract/rules.ts`).
 */
import type { CelRule } from "../../trainer/contract/rules.ts";
import { furtherMetrics } from "../../trainer/contract/taskMetrics.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import { type AdapterSpec, type AdapterStatus, adapterSpec, adapterStatus } from "./adapter.ts";
import type { CrdOptions } from "./crd.ts";
import { type FineTuneJobSpec, type FineTuneJobStatus, fineTuneJobSpec, fineTuneJobStatus } from "./fineTuneJob.ts";
import { type FineTuneRunSpec, type FineTuneRunStatus, fineTuneRunSpec, fineTuneRunStatus } from "./fineTuneRun.ts";
import { annotations, group, version } from "./names.ts";

/** Objects as the API server returns them. Specs are parsed through their schemas before use. */
export type FineTuneJob = KubeObject & { spec: FineTuneJobSpec; status?: FineTuneJobStatus };
export type FineTuneRun = KubeObject & { spec: FineTuneRunSpec; status?: FineTuneRunStatus };
export type Adapter = KubeObject & { spec: AdapterSpec; status?: AdapterStatus };

export const fineTuneJobs: Resource<FineTuneJob> = { group, version, plural: "finetunejobs", kind: "FineTuneJob" };
export const fineTuneRuns: Resource<FineTuneRun> = { group, version, plural: "finetuneruns", kind: "FineTuneRun" };
export const adapters: Resource<Adapter> = { group, version, plural: "adapters", kind: "Adapter" };

/** The time at which an Adapter was promoted last; "" if it never was. */
export const promotedAt = ({ metadata }: Adapter): string => metadata.annotations?.[annotations.promotedAt] ?? "";

const immutable: CelRule = { cel: "self == oldSelf", message: "is immutable: it records completed work" };

const column = (
  name: string,
  jsonPath: string,
  description: string,
  type: "string" | "integer" | "date" = "string",
) => ({
  name,
  type,
  jsonPath,
  description,
});
const wide = { priority: 1 };
const conditionColumn = (name: string, type: string) =>
  column(name, `.status.conditions[?(@.type=="${type}")].status`, `Status of the condition ${type}.`);
const reasonColumn = (type: string) => ({
  ...column("MESSAGE", `.status.conditions[?(@.type=="${type}")].message`, "Message of the condition."),
  ...wide,
});
/** A string: kubectl shows a date as the time since it, and cannot show a date in the future. */
const eta = { ...column("ETA", ".status.progress.estimatedCompletionTime", "Estimated time of completion."), ...wide };
const age = column("AGE", ".metadata.creationTimestamp", "Time since creation.", "date");

const fineTuneJobKind: CrdOptions = {
  kind: "FineTuneJob",
  plural: "finetunejobs",
  shortName: "ftj",
  description: "A fine-tuning of a base model on data. Its results are Adapters.",
  spec: fineTuneJobSpec,
  status: fineTuneJobStatus,
  columns: [
    conditionColumn("READY", "Ready"),
    column("STATE", ".status.state", "Current state."),
    column("STEPS", ".status.progress.steps", "Optimiser steps, done/total."),
    column("LOSS", ".status.progress.loss", "Training loss."),
    column("ADAPTER", ".status.promotedAdapterRef.name", "The promoted Adapter."),
    age,
    eta,
    { ...column("QUEUE", ".spec.placement.queue.name", "Queue of Kueue that the training waits in."), ...wide },
    reasonColumn("Ready"),
  ],
  rules: {
    "": [
      {
        cel: "self.metadata.name.size() <= 40",
        message: "metadata.name must be at most 40 characters: names of Jobs and Adapters derive from it",
      },
      {
        cel: "!self.metadata.name.contains('.')",
        message: "metadata.name must not contain a dot: names of Jobs and Adapters derive from it",
      },
    ],
  },
};

const fineTuneRunKind: CrdOptions = {
  kind: "FineTuneRun",
  plural: "finetuneruns",
  shortName: "ftr",
  description: "One training run, named by the hash of everything that affects it. The operator creates it.",
  spec: fineTuneRunSpec,
  status: fineTuneRunStatus,
  columns: [
    conditionColumn("SUCCEEDED", "Succeeded"),
    column("STATE", ".status.state", "Current state."),
    column("STEPS", ".status.progress.steps", "Optimiser steps, done/total."),
    column("LOSS", ".status.progress.loss", "Training loss."),
    age,
    eta,
    reasonColumn("Succeeded"),
  ],
  rules: {
    "": [
      {
        cel: "self.metadata.name == 'run-' + self.spec.runHash.substring(0, 16)",
        message:
          "metadata.name must be run- and the first 16 digits of spec.runHash: the name prevents a second run of the same content",
      },
    ],
    spec: ["runHash", "specHash", "hashVersion", "pins", "settings", "artifactRoot"].map((field) => ({
      cel: `self.${field} == oldSelf.${field}`,
      message: `${field} ${immutable.message}`,
    })),
  },
};

const adapterKind: CrdOptions = {
  kind: "Adapter",
  plural: "adapters",
  shortName: "adp",
  description: "One immutable revision of a fine-tuning's result. Outlives the FineTuneJob.",
  spec: adapterSpec,
  status: adapterStatus,
  columns: [
    column("JOB", `.metadata.labels.luthier\\.dev/finetunejob`, "FineTuneJob of the Adapter."),
    column("REV", ".spec.revision", "Revision number among the Adapters of one FineTuneJob.", "integer"),
    column("EVALLOSS", ".spec.results.evalLoss", "Validation loss."),
    column("PROMOTED", `.metadata.annotations.luthier\\.dev/promoted-at`, "When it was last promoted.", "date"),
    conditionColumn("READY", "Ready"),
    { ...column("BEFORE", ".spec.results.evaluation.before", "Exact match of the base model."), ...wide },
    { ...column("AFTER", ".spec.results.evaluation.after", "Exact match with the adapter."), ...wide },
    ...furtherMetrics.map((name) => ({
      ...column(
        name.toUpperCase(),
        `.spec.results.evaluation.metrics[?(@.metric=="${name}")].after`,
        `${name} with the adapter.`,
      ),
      ...wide,
    })),
    { ...column("SOURCE", ".spec.source.uri", "Location of the weights."), ...wide },
    age,
  ],
  rules: {
    "": [
      {
        cel: "self.metadata.name.size() <= 63",
        message: "metadata.name must be at most 63 characters: it becomes a label of the export Jobs",
      },
    ],
    spec: ["revision", "format", "baseModel", "source", "provenance", "artifactRoot"]
      .map((field) => ({
        cel: `self.${field} == oldSelf.${field}`,
        message: `${field} ${immutable.message}`,
      }))
      .concat({ cel: "has(self.results) == has(oldSelf.results)", message: `results ${immutable.message}` }),
    "spec.results": [immutable],
  },
};

export const kinds: readonly CrdOptions[] = [fineTuneJobKind, fineTuneRunKind, adapterKind];
