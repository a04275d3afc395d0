/** Finds the FineTuneJobs that want a FineTuneRun, from the caches. Pure. */
import { specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { fineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import type { Caches } from "../shared/caches.ts";
import { currentAttempt } from "./attempts.ts";

type Wishes = Pick<Caches, "fineTuneJobs" | "fineTuneRuns">;

/** Names of the FineTuneJobs that want this run now, because their status names it. */
export function wantedBy(caches: Wishes, run: FineTuneRun): string[] {
  return namesOf(wanting(caches, run));
}

/**
 * Names of the FineTuneJobs that own this run and have its settings, but whose status does not name it: the run is new, or
 * the status was lost. The operator neither starts nor stops such a run.
 */
export function expectedBy(caches: Wishes, run: FineTuneRun): string[] {
  const { namespace, ownerReferences = [], uid } = run.metadata;
  const expecting = ownerReferences
    .map((owner) => ({ owner, job: caches.fineTuneJobs.get(`${namespace}/${owner.name}`) }))
    .flatMap(({ owner, job }) => (job !== undefined && job.metadata.uid === owner.uid ? [job] : []))
    .filter((job) => trains(job) && settingsOf(job) === run.spec.specHash)
    .filter((job) => {
      const named = namedRun(caches, job);
      return named?.metadata.uid !== uid && named?.spec.specHash !== run.spec.specHash;
    });
  return namesOf(expecting);
}

const namesOf = (jobs: readonly FineTuneJob[]) => jobs.map(({ metadata }) => metadata.name).sort();

/** The FineTuneJob that requested this run first, of those that want it now. Its placement and limits apply. */
export function placerOf(caches: Wishes, run: FineTuneRun): string | undefined {
  const uids = new Set(wanting(caches, run).map(({ metadata }) => metadata.uid));
  return run.metadata.ownerReferences?.find(({ uid }) => uids.has(uid))?.name;
}

function wanting(caches: Wishes, run: FineTuneRun): FineTuneJob[] {
  return caches.fineTuneJobs
    .byIndex("run", `${run.metadata.namespace}/${run.metadata.name}`)
    .filter((job) => trains(job) && job.status?.currentRunRef?.uid === run.metadata.uid)
    .filter((job) => settingsOf(job) === run.spec.specHash || !trainsItsSettings(caches, job));
}

/** Is a run of the job's present settings active? Then a status that names another run is old or wrong. */
function trainsItsSettings({ fineTuneRuns }: Wishes, job: FineTuneJob): boolean {
  return fineTuneRuns
    .byIndex("owner", job.metadata.uid ?? "")
    .some(({ spec, status }) => spec.specHash === settingsOf(job) && currentAttempt(status) !== undefined);
}

/** False if a person suspended or deleted the job, or pinned one of its Adapters. */
const trains = ({ metadata, spec }: FineTuneJob) =>
  metadata.deletionTimestamp === undefined && spec.suspend !== true && spec.promotion?.adapterRef === undefined;

/** The run that a job's status names, if its uid is still the same. */
export function namedRun({ fineTuneRuns }: Wishes, { metadata, status }: FineTuneJob): FineTuneRun | undefined {
  const ref = status?.currentRunRef;
  const run = ref && fineTuneRuns.get(`${metadata.namespace}/${ref.name}`);
  return run?.metadata.uid === ref?.uid ? run : undefined;
}

/** Hash of a job's settings; undefined when its spec is invalid. Objects in a store are immutable, so it is cached. */
function settingsOf(job: FineTuneJob): string | undefined {
  const known = settings.get(job);
  if (known !== undefined) return known.hash;
  const { success, data } = fineTuneJobSpec.safeParse(job.spec);
  const hash = success ? specHash(trainingPart(data)) : undefined;
  settings.set(job, { hash });
  return hash;
}

const settings = new WeakMap<FineTuneJob, { hash: string | undefined }>();
