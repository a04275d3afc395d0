/** Reads all that a FineTuneJob's decision may look at. I/O; no decision is taken here. */
import { prepareKey, runHash, specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { fineTuneJobSpec } from "../api/fineTuneJob.ts";
import { specIssue } from "../api/issue.ts";
import { type Adapter, adapters, type FineTuneJob, type FineTuneRun, fineTuneRuns } from "../api/kinds.ts";
import { labels } from "../api/names.ts";
import { observeJob } from "../jobs/observe.ts";
import { jobState } from "../jobs/outcome.ts";
import { nodes } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Caches, placerOf, wantedBy } from "../shared/caches.ts";
import { adapterName, prepareName, runName } from "./children.ts";
import { largestNode, memoryLimit, planKey } from "./fit.ts";
import { currentPins, dueLook, knownAdapter } from "./pins.ts";
import type { Planner } from "./planner.ts";
import type { Plan, Wanted, World } from "./world.ts";

export interface Gatherer {
  client: Client;
  caches: Caches;
  planner: Planner;
  trainerImage: string;
  clock: Clock;
}

export async function gather(gatherer: Gatherer, job: FineTuneJob): Promise<World> {
  const now = gatherer.clock();
  const currentRun = currentRunOf(gatherer, job);
  const wanted = readWanted(job, currentRun);
  const { trainerImage } = gatherer;
  const base = {
    job,
    now,
    wanted,
    trainerImage,
    adapters: await adaptersOf(gatherer, job),
    currentRun,
    runWantedBy: currentRun ? wantedBy(gatherer.caches, currentRun).filter((name) => name !== job.metadata.name) : [],
    prepare: undefined,
    stalePrepares: [],
    plan: undefined,
    runHash: undefined,
    run: undefined,
    placer: undefined,
    adapterNameTaken: false,
  };
  if ("issue" in wanted) return base;
  const stalePrepares = runningPrepares(gatherer, job, prepareName(job, wanted));
  const known = currentPins(job, wanted);
  if (known === undefined) {
    const prepare = await observeJob({ ...gatherer, ...gatherer.caches }, job, prepareName(job, wanted));
    return { ...base, stalePrepares, prepare };
  }
  const hash = runHash(trainingPart(wanted.spec), known.pins);
  const run = await findRun(gatherer, job, runName(hash));
  const trained = knownAdapter({ wanted, runHash: hash, adapters: base.adapters }) !== undefined;
  return {
    ...base,
    stalePrepares,
    plan: trained ? undefined : await planOf(gatherer, job, wanted, known),
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

function readWanted(job: FineTuneJob, currentRun: FineTuneRun | undefined): World["wanted"] {
  const parsed = fineTuneJobSpec.safeParse(job.spec);
  if (!parsed.success) return { issue: specIssue(parsed.error) };
  const training = trainingPart(parsed.data);
  const hash = specHash(training);
  const request = dueLook(job, currentRun, hash);
  return { spec: parsed.data, prepareKey: prepareKey(training), specHash: hash, request };
}

/** Absence counts only if the API server says so: the cache may not have seen an Adapter that was just made. */
async function adaptersOf({ client, caches }: Gatherer, job: FineTuneJob): Promise<Adapter[]> {
  const { namespace = "", name } = job.metadata;
  const known = caches.adapters.byIndex("job", `${namespace}/${name}`);
  const current = job.status?.currentRunRef?.adapterName;
  if (current === undefined || known.some(({ metadata }) => metadata.name === current)) return known;
  const found = await client.get(adapters, { namespace, name: current });
  return found?.metadata.labels?.[labels.job] === name ? [...known, found] : known;
}

function currentRunOf({ caches }: Gatherer, job: FineTuneJob): FineTuneRun | undefined {
  const ref = job.status?.currentRunRef;
  const run = ref && caches.fineTuneRuns.get(`${job.metadata.namespace}/${ref.name}`);
  return run?.metadata.uid === ref?.uid ? run : undefined;
}

async function findRun({ client, caches }: Gatherer, job: FineTuneJob, name: string): Promise<FineTuneRun | undefined> {
  const { namespace = "" } = job.metadata;
  return caches.fineTuneRuns.get(`${namespace}/${name}`) ?? (await client.get(fineTuneRuns, { namespace, name }));
}

function runningPrepares({ caches }: Gatherer, job: FineTuneJob, except: string) {
  return caches.jobs
    .byIndex("owner", job.metadata.uid ?? "")
    .filter(({ metadata }) => metadata.name !== except && metadata.deletionTimestamp === undefined)
    .filter((one) => !["Succeeded", "Failed"].includes(jobState(one, []).kind));
}

/** The plan in status if it is of this question and fits; a plan that does not fit is judged again by the nodes of now. */
async function planOf(
  gatherer: Gatherer,
  job: FineTuneJob,
  { spec }: Wanted,
  { pins, inputs }: NonNullable<ReturnType<typeof currentPins>>,
): Promise<Plan> {
  const key = planKey(spec, pins);
  const before = job.status?.plan;
  const isWhole = before?.checkpointBytes !== undefined && before.stagedBytes !== undefined;
  if (before?.key === key && before.fits && isWhole) return { kind: "planned", plan: before };
  const availableBytes = memoryLimit(spec) ?? largestNode(await allNodes(gatherer.client), spec.placement);
  return gatherer.planner.plan(key, { spec, inputs, availableBytes });
}

async function allNodes(client: Client) {
  const first = await client.list(nodes, { limit: 500 });
  const found = [...first.items];
  for (let { continueToken } = first; continueToken !== ""; ) {
    const page = await client.list(nodes, { limit: 500, continueToken });
    found.push(...page.items);
    continueToken = page.continueToken;
  }
  return found;
}
