/** Reads everything that a FineTuneJob's decision depends on. I/O; it makes no decision. */
import { prepareKey, runHash, specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { fineTuneJobSpec } from "../api/fineTuneJob.ts";
import { specIssue } from "../api/issue.ts";
import { type Adapter, adapters, type FineTuneJob, type FineTuneRun, fineTuneRuns } from "../api/kinds.ts";
import { labels } from "../api/names.ts";
import { repairedRun } from "../finetunerun/repair.ts";
import { namedRun, placerOf, wantedBy } from "../finetunerun/wishes.ts";
import { observeJob } from "../jobs/observe.ts";
import { jobState } from "../jobs/outcome.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import { limitRanges, type Node, nodes } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import { ApiError } from "../runtime/errors.ts";
import type { Caches } from "../shared/caches.ts";
import { adapterName, checkName, prepareName, runName } from "./children.ts";
import { dueCheck } from "./dataCheck.ts";
import { gpuMemory, largestNode, planKey, podMemory } from "./fit.ts";
import { currentPins, dueLook, knownAdapter } from "./pins.ts";
import type { Planner } from "./planner.ts";
import { runUnderWay, withCurrentRun, withPinsOf, withPromoted } from "./repair.ts";
import type { Plan, Wanted, World } from "./world.ts";

export interface Gatherer {
  client: Client;
  caches: Caches;
  planner: Planner;
  trainerImage: string;
  pods: PodSettings;
  clock: Clock;
}

export async function gather(gatherer: Gatherer, observed: FineTuneJob): Promise<World> {
  const now = gatherer.clock();
  const read = readSpec(observed);
  const currentRun = currentRunOf(gatherer, observed, "issue" in read ? undefined : read.specHash);
  const named = withCurrentRun(observed, currentRun);
  const known = await adaptersOf(gatherer, named);
  const promoted = withPromoted(named, known);
  const job = "issue" in read ? promoted : withPinsOf(promoted, currentRun, read);
  const wanted = "issue" in read ? read : { ...read, request: dueLook(job, currentRun, read.specHash) };
  const { trainerImage, pods } = gatherer;
  const base = {
    job,
    now,
    wanted,
    trainerImage,
    pods,
    adapters: known,
    currentRun,
    runWantedBy: currentRun ? wantedBy(gatherer.caches, currentRun).filter((name) => name !== job.metadata.name) : [],
    prepare: undefined,
    check: undefined,
    stalePrepares: [],
    memory: "issue" in wanted ? undefined : podMemory(wanted.spec),
    plan: undefined,
    runHash: undefined,
    run: undefined,
    placer: undefined,
    adapterNameTaken: false,
  };
  if ("issue" in wanted) return base;
  const observe = (name: string) => observeJob({ ...gatherer, ...gatherer.caches }, job, name);
  const pinned = currentPins(job, wanted);
  const scheduledAt = dueCheck(job, wanted, { currentRun, now });
  const ownNames = [prepareName(job, wanted), ...(scheduledAt === undefined ? [] : [checkName(job, wanted)])];
  const stalePrepares = runningPrepares(gatherer, job, ownNames);
  const check =
    scheduledAt === undefined
      ? undefined
      : {
          scheduledAt,
          observed: pinned && (await observe(checkName(job, wanted))),
        };
  if (pinned === undefined) return { ...base, check, stalePrepares, prepare: await observe(prepareName(job, wanted)) };
  const memory = base.memory ?? podMemory(wanted.spec, await limitRangesOf(gatherer.client, job));
  const hash = runHash(trainingPart(wanted.spec), pinned.pins);
  const run = await findRun(gatherer, job, runName(hash));
  const trained = knownAdapter({ wanted, runHash: hash, adapters: base.adapters, currentRun }) !== undefined;
  return {
    ...base,
    check,
    stalePrepares,
    memory,
    plan: trained ? undefined : await planOf(gatherer, job, { ...wanted, memory }, pinned),
    runHash: hash,
    run,
    placer: run && placerOf(gatherer.caches, run),
    adapterNameTaken: isTaken(gatherer, job, adapterName(job, hash)),
  };
}

function isTaken({ caches }: Gatherer, job: FineTuneJob, name: string): boolean {
  const { namespace, name: jobName } = job.metadata;
  const found = caches.adapters.get(`${namespace}/${name}`);
  return found !== undefined && found.metadata.labels?.[labels.job] !== jobName;
}

function readSpec(job: FineTuneJob): Omit<Wanted, "request"> | { issue: string } {
  const parsed = fineTuneJobSpec.safeParse(job.spec);
  if (!parsed.success) return { issue: specIssue(parsed.error) };
  const training = trainingPart(parsed.data);
  return { spec: parsed.data, prepareKey: prepareKey(training), specHash: specHash(training) };
}

/** Only the API server proves absence: the cache may lack an Adapter that was just created. */
async function adaptersOf({ client, caches }: Gatherer, job: FineTuneJob): Promise<Adapter[]> {
  const { namespace = "", name } = job.metadata;
  const known = caches.adapters.byIndex("job", `${namespace}/${name}`);
  const current = job.status?.currentRunRef?.adapterName;
  if (current === undefined || known.some(({ metadata }) => metadata.name === current)) return known;
  const found = await client.get(adapters, { namespace, name: current });
  return found?.metadata.labels?.[labels.job] === name ? [...known, found] : known;
}

/** The run that the job's status names, or, if the status is lost, the run that trains for it. */
function currentRunOf({ caches }: Gatherer, job: FineTuneJob, specHash: string | undefined): FineTuneRun | undefined {
  const owned = caches.fineTuneRuns.byIndex("owner", job.metadata.uid ?? "");
  const run = namedRun(caches, job) ?? runUnderWay(owned, specHash);
  return run && repaired(caches, run);
}

async function findRun({ client, caches }: Gatherer, job: FineTuneJob, name: string): Promise<FineTuneRun | undefined> {
  const { namespace = "" } = job.metadata;
  const run = caches.fineTuneRuns.get(`${namespace}/${name}`) ?? (await client.get(fineTuneRuns, { namespace, name }));
  return run && repaired(caches, run);
}

/** Repairs the attempts from the run's Jobs: its controller may not have seen an altered status yet. */
function repaired({ jobs }: Caches, run: FineTuneRun): FineTuneRun {
  return repairedRun(run, jobs.byIndex("owner", run.metadata.uid ?? ""));
}

function runningPrepares({ caches }: Gatherer, job: FineTuneJob, except: readonly string[]) {
  return caches.jobs
    .byIndex("owner", job.metadata.uid ?? "")
    .filter(({ metadata }) => !except.includes(metadata.name) && metadata.deletionTimestamp === undefined)
    .filter((one) => !["Succeeded", "Failed"].includes(jobState(one, []).kind));
}

/** The plan in status if it answers this question and fits; a plan that does not fit is made again with the present nodes. */
async function planOf(
  gatherer: Gatherer,
  job: FineTuneJob,
  { spec, memory }: Wanted & Pick<World, "memory">,
  { pins, inputs }: NonNullable<ReturnType<typeof currentPins>>,
): Promise<Plan> {
  const key = planKey(spec, pins, memory);
  const before = job.status?.plan;
  const isWhole = before?.checkpointBytes !== undefined && before.stagedBytes !== undefined;
  if (before?.key === key && before.fits && isWhole) return { kind: "planned", plan: before };
  const onGpu = spec.placement.gpusPerNode > 0;
  const available = onGpu
    ? gpuMemory(await knownNodes(gatherer.client), spec.placement)
    : (memory ?? largestNode(await knownNodes(gatherer.client), spec.placement));
  return await gatherer.planner.plan(key, { spec, inputs, available });
}

async function limitRangesOf(client: Client, { metadata }: FineTuneJob) {
  return (await client.list(limitRanges, { namespace: metadata.namespace })).items;
}

/** All nodes; none if the operator may not list them, which an administrator may choose. */
export async function knownNodes(client: Client): Promise<Node[]> {
  try {
    return await allNodes(client);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}

async function allNodes(client: Client): Promise<Node[]> {
  const first = await client.list(nodes, { limit: 500 });
  const found = [...first.items];
  for (let { continueToken } = first; continueToken !== ""; ) {
    const page = await client.list(nodes, { limit: 500, continueToken });
    found.push(...page.items);
    continueToken = page.continueToken;
  }
  return found;
}
