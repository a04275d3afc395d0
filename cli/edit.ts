/**
 * The effect of an edit of a FineTuneJob, setting by setting: found by the hashes that decide in the operator. Pure.
 */
import { type FineTuneJobSpec, fineTuneJobSpec } from "../operator/api/fineTuneJob.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../operator/api/kinds.ts";
import { runName } from "../operator/finetunejob/children.ts";
import { currentPins } from "../operator/finetunejob/pins.ts";
import { prepareKey, runHash, specHash } from "../trainer/contract/hashes.ts";
import { trainingPart, withDefaults } from "../trainer/contract/writtenOut.ts";
import { type Change, changesOf, withChange } from "./changes.ts";

export const effects = {
  Prepare: "reads the inputs again; trains if their content differs",
  Train: "trains",
  Store: "another store: the inputs are read again, earlier results stay where they are",
  NextAttempt: "applies to pods that have not started",
  Exports: "exports; trains nothing",
  Promotion: "decides again which Adapter is promoted; trains nothing",
  AtOnce: "applies at once; trains nothing",
} as const;
export type Effect = keyof typeof effects;

export interface Edit {
  readonly changes: readonly (Change & { readonly effect: Effect })[];
  /** The sum of the effects. */
  readonly outcome: string;
}

/** The objects of the job's namespace. */
export interface Known {
  readonly adapters: readonly Adapter[];
  readonly runs: readonly FineTuneRun[];
}

export function editOf(job: FineTuneJob, after: FineTuneJobSpec, known: Known): Edit {
  const before = job.spec;
  const [was, is] = [written(before), written(after)];
  // Without defaults: the settings of a training have no Secrets.
  const secrets = changesOf(before, after).filter(({ path }) => isTraining(path[0]) && path.includes("secretRef"));
  const changes = [...changesOf(was, is), ...secrets].map((change) => ({
    ...change,
    effect: effectOf(was, change, before, after),
  }));
  return { changes, outcome: outcomeOf(job, after, changes, known) };
}

/** The spec with the defaults of the training written out, so that writing out a default is no change. */
const written = (spec: FineTuneJobSpec) => ({ ...spec, ...withDefaults(trainingPart(spec)) });

const isTraining = (section: Change["path"][number] | undefined) =>
  section !== undefined && ["baseModel", "dataset", "method", "training", "evaluation"].includes(`${section}`);

function effectOf(was: unknown, change: Change, before: FineTuneJobSpec, after: FineTuneJobSpec): Effect {
  const [section] = change.path;
  if (section !== undefined && isTraining(section)) {
    // A single change may be invalid by itself; then the change of its whole section decides.
    const alone = fineTuneJobSpec.safeParse(withChange(was, change));
    const inSection = fineTuneJobSpec.safeParse({ ...before, [section]: Reflect.get(after, section) });
    return hashEffect(before, alone.data ?? inSection.data ?? after);
  }
  if (section === "adapter") return "Exports";
  if (section === "promotion") return "Promotion";
  if (section === "artifacts" && change.path[1] !== "secretRef") return "Store";
  if (section === "placement" || section === "helpers") return "NextAttempt";
  return "AtOnce";
}

function hashEffect(before: FineTuneJobSpec, after: FineTuneJobSpec): Effect {
  const [was, is] = [trainingPart(before), trainingPart(after)];
  if (prepareKey(was) !== prepareKey(is)) return "Prepare";
  return specHash(was) === specHash(is) ? "NextAttempt" : "Train";
}

function outcomeOf(job: FineTuneJob, after: FineTuneJobSpec, changes: Edit["changes"], known: Known): string {
  const has = (effect: Effect) => changes.some((change) => change.effect === effect);
  const chosen = after.promotion?.adapterRef?.name;
  if (changes.length === 0) return "Nothing changes.";
  if (chosen !== undefined) {
    return `spec.promotion.adapterRef is set: the operator promotes ${chosen} and trains nothing while it is.`;
  }
  if (has("Store")) {
    return "The inputs are read again in the new store. If these settings have an Adapter, the job reports ArtifactsElsewhere and trains nothing.";
  }
  if (!has("Prepare") && !has("Train")) return "Nothing is trained.";
  const training = trainingPart(after);
  const wanted = { spec: after, prepareKey: prepareKey(training), specHash: specHash(training), request: undefined };
  const pins = currentPins(job, wanted)?.pins;
  if (pins === undefined) return unpinnedOutcome(wanted.specHash, known);
  return pinnedOutcome(runHash(training, pins), known);
}

/** The inputs have to be read first, or were never. */
function unpinnedOutcome(hash: string, { adapters }: Known): string {
  const same = newest(adapters.filter(({ spec }) => spec.provenance.specHash === hash));
  return same === undefined
    ? "The operator reads the inputs, and trains on them unless the same content was trained with these settings before."
    : `These settings were trained before: the operator takes Adapter ${same.metadata.name} without a pod.`;
}

function pinnedOutcome(hash: string, { adapters, runs }: Known): string {
  const same = newest(adapters.filter(({ spec }) => spec.provenance.runHash === hash));
  if (same !== undefined) {
    return `These settings were trained before on the same inputs: the operator takes Adapter ${same.metadata.name} without a pod.`;
  }
  const name = runName(hash);
  const run = runs.find(({ metadata }) => metadata.name === name);
  if (run === undefined) return `The inputs stay as they are staged; a new run trains on them (${name}).`;
  const { state = "Pending", lastCheckpointStep } = run.status ?? {};
  const from = lastCheckpointStep === undefined ? "" : `, its last checkpoint is of step ${lastCheckpointStep}`;
  return `${name} trains these settings already (${state}${from}); the job follows it.`;
}

const newest = (adapters: readonly Adapter[]): Adapter | undefined =>
  adapters.toSorted((a, b) => b.spec.revision - a.spec.revision)[0];
