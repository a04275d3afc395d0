/** One FineTuneJob of a cluster with the objects that belong to it. */
import {
  type Adapter,
  adapters,
  type FineTuneJob,
  type FineTuneRun,
  fineTuneJobs,
  fineTuneRuns,
} from "../../operator/api/kinds.ts";
import { labels } from "../../operator/api/names.ts";
import type { KubeObject, Resource } from "../../operator/runtime/objects.ts";
import { UsageError } from "../../terminal/arguments.ts";
import type { Connection } from "./connect.ts";

export async function jobNamed({ client, namespace }: Connection, name: string): Promise<FineTuneJob> {
  const job = await client.get(fineTuneJobs, { namespace, name });
  if (job === undefined) throw new UsageError(`there is no FineTuneJob ${name} in namespace ${namespace}`);
  return job;
}

/** The job's Adapters, the newest revision first. */
export async function adaptersOf(connection: Connection, job: FineTuneJob): Promise<Adapter[]> {
  const found = await listAll(connection, adapters, `${labels.job}=${job.metadata.name}`);
  return found.toSorted((a, b) => b.spec.revision - a.spec.revision);
}

/** The FineTuneRuns that the job asked for, the newest first; others may share them. */
export async function runsOf(connection: Connection, { metadata }: FineTuneJob): Promise<FineTuneRun[]> {
  const runs = await listAll(connection, fineTuneRuns);
  const created = (run: FineTuneRun) => run.metadata.creationTimestamp ?? "";
  return runs
    .filter((run) => run.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid))
    .toSorted((a, b) => created(b).localeCompare(created(a)));
}

const pageSize = 500;

export async function listAll<T extends KubeObject>(
  { client, namespace }: Connection,
  resource: Resource<T>,
  labelSelector?: string,
): Promise<T[]> {
  const items: T[] = [];
  let continueToken = "";
  do {
    const page = await client.list(resource, { namespace, labelSelector, limit: pageSize, continueToken });
    items.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken !== "");
  return items;
}
