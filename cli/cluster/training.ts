/**
 * One training of a cluster, finished or not, as the commands show it: its settings, figures and curves. It needs no access to
 * the artifact store: a finished training's curves are in its objects, those of a running one in its pod's log.
 */
import type { Results } from "../../operator/api/common.ts";
import {
  type Adapter,
  adapters,
  type FineTuneJob,
  type FineTuneRun,
  fineTuneJobs,
  fineTuneRuns,
} from "../../operator/api/kinds.ts";
import { labels, managedBy } from "../../operator/api/names.ts";
import { containerName } from "../../operator/jobs/render.ts";
import { pods } from "../../operator/jobs/resources.ts";
import { UsageError } from "../../terminal/arguments.ts";
import { type CurveName, type Point, pointsOf, readPoints } from "../../trainer/contract/curves.ts";
import { parseProgress } from "../../trainer/contract/progress.ts";
import type { Pins } from "../../trainer/contract/runFile.ts";
import type { Connection } from "./connect.ts";
import { activePod } from "./world.ts";

export interface NamedCurve {
  readonly name: CurveName;
  readonly points: readonly Point[];
}

export interface Training {
  readonly name: string;
  /** The state of its run; "Adapter" if only its Adapter is left. */
  readonly state: string;
  /** With every default; undefined if its FineTuneRun is gone. */
  readonly settings: FineTuneRun["spec"]["settings"] | undefined;
  /** Digests of its inputs. */
  readonly inputs: Readonly<Record<string, string | undefined>>;
  readonly results: Results | undefined;
  readonly curves: readonly NamedCurve[];
}

const kinds = ["job", "adapter", "run"] as const;
type Kind = (typeof kinds)[number];

/** Finds a training by the name of its FineTuneJob (its present run), Adapter or FineTuneRun; `adapter/NAME` says which. */
export async function trainingOf(connection: Connection, given: string, signal: AbortSignal): Promise<Training> {
  const { kind, name } = readName(given);
  const { client, namespace } = connection;
  const at = { namespace, name };
  const asks = (one: Kind) => kind === undefined || kind === one;
  const job = asks("job") ? await client.get(fineTuneJobs, at) : undefined;
  if (job !== undefined) return await ofJob(connection, job, signal);
  const adapter = asks("adapter") ? await client.get(adapters, at) : undefined;
  if (adapter !== undefined) return ofAdapter(adapter, await runOf(connection, adapter));
  const run = asks("run") ? await client.get(fineTuneRuns, at) : undefined;
  if (run !== undefined) return ofRun(name, run, await loggedCurves(connection, run, signal));
  throw new UsageError(
    `there is no ${kind === undefined ? "FineTuneJob, Adapter or FineTuneRun" : kind} ${name} in namespace ${namespace}`,
  );
}

function readName(given: string): { kind: Kind | undefined; name: string } {
  const [first = "", second] = given.split("/");
  if (second === undefined) return { kind: undefined, name: first };
  const kind = kinds.find((one) => one === first);
  if (kind === undefined) throw new UsageError(`${given}: write NAME, ${kinds.map((one) => `${one}/NAME`).join(", ")}`);
  return { kind, name: second };
}

async function ofJob(connection: Connection, job: FineTuneJob, signal: AbortSignal): Promise<Training> {
  const { client, namespace } = connection;
  const { name } = job.metadata;
  const { currentRunRef, promotedAdapterRef } = job.status ?? {};
  const run = currentRunRef && (await client.get(fineTuneRuns, { namespace, name: currentRunRef.name }));
  if (run !== undefined) return ofRun(name, run, await loggedCurves(connection, run, signal));
  const promoted = promotedAdapterRef && (await client.get(adapters, { namespace, name: promotedAdapterRef.name }));
  if (promoted !== undefined) return { ...ofAdapter(promoted, await runOf(connection, promoted)), name };
  throw new UsageError(`FineTuneJob ${name} has neither a run nor a promoted Adapter yet`);
}

const runOf = ({ client, namespace }: Connection, { spec }: Adapter) =>
  client.get(fineTuneRuns, { namespace, name: spec.provenance.runName });

function ofAdapter({ metadata, spec }: Adapter, run: FineTuneRun | undefined): Training {
  const same = run?.spec.runHash === spec.provenance.runHash ? run : undefined;
  return {
    name: metadata.name,
    state: same?.status?.state ?? "Adapter",
    settings: same?.spec.settings,
    inputs: inputsOf(spec.provenance),
    results: spec.results,
    curves: keptCurves(spec.results),
  };
}

function ofRun(name: string, { spec, status }: FineTuneRun, logged: readonly NamedCurve[]): Training {
  return {
    name,
    state: status?.state ?? "Pending",
    settings: spec.settings,
    inputs: inputsOf(spec.pins),
    results: status?.results,
    curves: status?.results === undefined ? logged : keptCurves(status.results),
  };
}

type Digests = Pick<Pins, "baseDigest" | "datasetDigest" | "evaluationSetDigest" | "validationDigest">;

const inputsOf = ({ baseDigest, datasetDigest, evaluationSetDigest, validationDigest }: Digests) => ({
  ...{ baseDigest, datasetDigest, evaluationSetDigest, validationDigest },
});

const keptCurves = (results: Results | undefined): NamedCurve[] =>
  (results?.curves ?? []).map((curve) => ({ name: curve.name, points: readPoints(curve) }));

/** The curves of a run that trains, from its pod's log: since its last resume. None if no pod of it runs. */
async function loggedCurves(
  { client, namespace }: Connection,
  run: FineTuneRun,
  signal: AbortSignal,
): Promise<NamedCurve[]> {
  if (run.status?.results !== undefined) return [];
  const labelSelector = `${labels.managedBy}=${managedBy},${labels.run}=${run.metadata.name}`;
  const { items } = await client.list(pods, { namespace, labelSelector });
  const pod = activePod(items);
  if (pod === undefined) return [];
  const options = { container: containerName, follow: false, silenceMs: 10_000, signal };
  const lines: string[] = [];
  try {
    for await (const line of client.logLines({ namespace, name: pod.metadata.name }, options)) lines.push(line);
  } catch {
    // The container is starting or gone.
  }
  return pointsOf(lines.flatMap((line) => parseProgress(line) ?? []));
}
