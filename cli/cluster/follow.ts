/**
 * Follows one FineTuneJob to its end: reads the state from the job's status and the figures from the log of the working
 * pod. Polls once a second and waits for a cluster that is temporarily unreachable.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Adapter, adapters, type FineTuneJob, fineTuneJobs } from "../../operator/api/kinds.ts";
import { labels, managedBy } from "../../operator/api/names.ts";
import { containerName } from "../../operator/jobs/render.ts";
import { type Pod, pods } from "../../operator/jobs/resources.ts";
import { ApiError } from "../../operator/runtime/errors.ts";
import { UsageError } from "../../terminal/arguments.ts";
import { type Screen, textBlock } from "../../terminal/screen.ts";
import { messageOf } from "../../trainer/contract/failure.ts";
import { parseProgress } from "../../trainer/contract/progress.ts";
import { createStageView, type StageView } from "../ui/stageView.ts";
import type { Connection } from "./connect.ts";
import { activePod, isPodOf, type Standing, standingOf } from "./world.ts";

const pollMs = 1000;
/** A training logs at most one line a second; each poll reads more than that to miss no loss. */
const logTail = { tailLines: 400, limitBytes: 400_000 };

export type Ending = Exclude<Standing, { kind: "going" }>;

/** Waits for the job's end. Throws `UsageError` if there is no such job, and the reason if `signal` is aborted. */
export async function follow(
  connection: Connection,
  name: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<{ ending: Ending; job: FineTuneJob }> {
  const views = new Map<string, StageView>();
  for (;;) {
    signal.throwIfAborted();
    const seen = await look(connection, name);
    if ("unreachable" in seen) {
      screen.show(textBlock([`${name}: ${connection.server} does not answer (${seen.unreachable}); retrying`]));
    } else {
      const standing = standingOf(seen.job);
      if (standing.kind !== "going") {
        screen.clear();
        return { ending: standing, job: seen.job };
      }
      show(name, standing, seen, views, screen);
    }
    await sleep(pollMs, undefined, { signal });
  }
}

interface Look {
  readonly job: FineTuneJob;
  readonly pod: Pod | undefined;
  readonly log: string;
}

/** The job and its pod, or the reason why the cluster is unreachable. */
async function look({ client, namespace }: Connection, name: string): Promise<Look | { unreachable: string }> {
  try {
    const job = await client.get(fineTuneJobs, { namespace, name });
    if (job === undefined) throw new UsageError(`there is no FineTuneJob ${name} in namespace ${namespace}`);
    const page = await client.list(pods, { namespace, labelSelector: `${labels.managedBy}=${managedBy}` });
    const pod = activePod(page.items.filter(isPodOf(job)));
    return { job, pod, log: pod?.status?.phase === "Running" ? await readLog({ client, namespace }, pod) : "" };
  } catch (error) {
    if (error instanceof UsageError || (error instanceof ApiError && error.status < 500)) throw error;
    return { unreachable: messageOf(error) };
  }
}

/** A pod may end between the list and this call; then it has no log. */
async function readLog({ client, namespace }: Pick<Connection, "client" | "namespace">, pod: Pod): Promise<string> {
  return client.log({ namespace, name: pod.metadata.name }, { container: containerName, ...logTail }).catch(() => "");
}

function show(
  name: string,
  standing: Standing & { kind: "going" },
  { pod, log }: Look,
  views: Map<string, StageView>,
  screen: Screen,
): void {
  if (pod === undefined || log === "") {
    screen.show(textBlock([`${name}: ${standing.state}${standing.message === "" ? "" : ` (${standing.message})`}`]));
    return;
  }
  const view = views.get(pod.metadata.name) ?? createStageView(() => `${name}: ${standing.state}`);
  views.set(pod.metadata.name, view);
  for (const progress of log.split("\n").map(parseProgress)) if (progress !== undefined) view.add(progress);
  screen.show(view);
}

/** The Adapter that a ready job promoted. */
export async function promotedAdapter({ client, namespace }: Connection, job: FineTuneJob): Promise<Adapter> {
  const name = job.status?.promotedAdapterRef?.name;
  const adapter = name === undefined ? undefined : await client.get(adapters, { namespace, name });
  if (adapter === undefined) throw new UsageError(`FineTuneJob ${job.metadata.name} has no promoted Adapter`);
  return adapter;
}
