/**
 * The limit of concurrent runs in each namespace: which runs hold a place, and whose turn is next. First come, first served: by
 * `status.queuedSince`, then by creation. A FineTuneJob has one run at a time, so none of them can fill the queue. Pure, but
 * for the places that this process gave away and the caches do not show yet (`Turns`).
 */
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import type { Caches } from "../shared/caches.ts";
import { endOf } from "./repair.ts";

/** The run must wait: `running` runs hold all `limit` places or those before it in the queue will take them. */
export interface Turn {
  running: number;
  limit: number;
  /** 1: next. */
  position: number;
}

/** `Running`: from the first record of an attempt until the run ends or is stopped, retries included. */
export type Place = "Running" | "Queued" | "None";

export function placeOf({ status = {}, metadata }: Pick<FineTuneRun, "status" | "metadata">): Place {
  if (endOf(status) !== undefined) return "None";
  const last = status.attempts?.at(-1);
  if (last !== undefined && last.endedAt === undefined) return "Running";
  // Nothing follows, although a finalizer may hold the run for long.
  if (metadata.deletionTimestamp !== undefined) return "None";
  if (status.queuedSince !== undefined) return "Queued";
  return last === undefined || status.state === "Stopped" ? "None" : "Running";
}

/** `others`: the other runs of the namespace; those in `assumed`, by uid, count as running. Undefined: the run may start. */
export function turnOf(
  run: FineTuneRun,
  others: readonly FineTuneRun[],
  { limit, assumed = new Set() }: { limit: number; assumed?: ReadonlySet<string | undefined> },
): Turn | undefined {
  if (placeOf(run) === "Running") return undefined;
  const places = others.map((other) => (assumed.has(other.metadata.uid) ? "Running" : placeOf(other)));
  const running = places.filter((place) => place === "Running").length;
  const ahead = others.filter((other, index) => places[index] === "Queued" && isBefore(other, run)).length;
  return running + ahead < limit ? undefined : { running, limit, position: ahead + 1 };
}

/** A run that is not in the queue yet comes after all that are. */
const isBefore = (one: FineTuneRun, other: FineTuneRun) => orderOf(one) < orderOf(other);

const orderOf = ({ metadata, status }: FineTuneRun) =>
  [status?.queuedSince ?? "9999", metadata.creationTimestamp ?? "", metadata.name].join("\n");

interface RunChange {
  type: "Added" | "Modified" | "Deleted";
  object: FineTuneRun;
  previous?: FineTuneRun;
}

/** The runs whose turn may have come, or whose position has changed, by this change of another one. */
export function wokenBy({ type, object, previous }: RunChange, runs: Caches["fineTuneRuns"]): FineTuneRun[] {
  const before = previous === undefined ? "None" : placeOf(previous);
  if (type !== "Deleted" && before === placeOf(object)) return [];
  return runs
    .byIndex("unfinished", object.metadata.namespace ?? "")
    .filter((other) => placeOf(other) === "Queued" && other.metadata.uid !== object.metadata.uid);
}

/** Positions after this one are not shown: each end of a run would write the status of every run in a long queue. */
const lastShown = 20;

export function turnWords({ running, limit, position }: Turn): string {
  const place = position > lastShown ? `more than ${lastShown} are ahead` : `position ${position}`;
  const runs = running === 1 ? "1 run of this namespace is" : `${running} runs of this namespace are`;
  return `Queued: ${runs} running (limit ${limit}); ${place}.`;
}

/**
 * The places that this process gave to runs whose recorded attempt the caches do not show yet. The caller asks, decides and
 * reports without waiting in between, so that two runs cannot take the same place.
 */
export class Turns {
  readonly #limit: number | undefined;
  readonly #assumed = new Map<string, Set<string | undefined>>();

  constructor(limit: number | undefined) {
    this.#limit = limit;
  }

  of(run: FineTuneRun, caches: Pick<Caches, "fineTuneRuns">): Turn | undefined {
    if (this.#limit === undefined) return undefined;
    const inNamespace = caches.fineTuneRuns.byIndex("unfinished", run.metadata.namespace ?? "");
    const assumed = this.#assumedIn(run);
    // Its last place may not have been recorded: decide again.
    assumed.delete(run.metadata.uid);
    for (const other of inNamespace) if (placeOf(other) === "Running") assumed.delete(other.metadata.uid);
    const others = inNamespace.filter(({ metadata }) => metadata.uid !== run.metadata.uid);
    return turnOf(run, others, { limit: this.#limit, assumed });
  }

  /** The decision about `run` gave it a place if it has one in `status`. */
  decided(run: FineTuneRun, status: FineTuneRunStatus): void {
    if (this.#limit !== undefined && placeOf(run) !== "Running" && placeOf({ ...run, status }) === "Running")
      this.#assumedIn(run).add(run.metadata.uid);
  }

  #assumedIn({ metadata: { namespace = "" } }: FineTuneRun): Set<string | undefined> {
    const assumed = this.#assumed.get(namespace) ?? new Set();
    this.#assumed.set(namespace, assumed);
    return assumed;
  }
}
