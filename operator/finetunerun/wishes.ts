/** Which FineTuneJobs want which FineTuneRun, as the caches have them. Pure. */
import { specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { fineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import type { Caches } from "../shared/caches.ts";
import { currentAttempt } from "./attempts.ts";

type Wishes = Pick<Caches, "fineTuneJobs" | "fineTuneRuns">;

/** Names of the FineTuneJobs that want this run now: their status names it. */
export function wantedBy(caches: Wishes, run: FineTuneRun): string[] {
  return namesOf(wanting(caches, run));
}

/**
 * Names of the FineTuneJobs that made this run, or share it, and whose settings are this run's, but whose status does not
 * name it: it was just made, or that status was lost. Such a run is neither started nor stopped.
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

/** Of the FineTuneJobs that want this run now the one that asked first: where and how long it runs is that one's to say. */
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

/** Is a run of the job's present settings under way? Then a status that names another is old or wrong. */
function trainsItsSettings({ fineTuneRuns }: Wishes, job: FineTuneJob): boolean {
  return fineTuneRuns
    .byIndex("owner", job.metadata.uid ?? "")
    .some(({ spec, status }) => spec.specHash === settingsOf(job) && currentAttempt(status) !== undefined);
}

/** A person may have suspended it, deleted it, or chosen one of its Adapters. */
const trains = ({ metadata, spec }: FineTuneJob) =>
  metadata.deletionTimestamp === undefined && spec.suspend !== true && spec.promotion?.adapterRef === undefined;

/** The run that a job's status names, if it is still that one. */
export function namedRun({ fineTuneRuns }: Wishes, { metadata, status }: FineTuneJob): FineTuneRun | undefined {
  const ref = status?.currentRunRef;
  const run = ref && fineTuneRuns.get(`${metadata.namespace}/${ref.name}`);
  return run?.metadata.uid === ref?.uid ? run : undefined;
}

/** Hash of a job's settings; undefined when its spec cannot be read. Objects of a store do not change. */
function settingsOf(job: FineTuneJob): string | undefined {
  const known = settings.get(job);
  if (known !== undefined) return known.hash;
  const { success, data } = fineTuneJobSpec.safeParse(job.spec);
  const hash = success ? specHash(trainingPart(data)) : undefined;
  settings.set(job, { hash });
  return hash;
}

const settings = new WeakMap<FineTuneJob, { hash: string | undefined }>();
