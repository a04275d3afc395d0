/**
 * Reconciles FineTuneRuns: gather → decide → apply. The status is written once, after the actions; an attempt that the
 * actions belong to is in it since the reconcile before.
 */

import { type FineTuneRun, fineTuneJobs, fineTuneRuns } from "../api/kinds.ts";
import type { Caches } from "../caches.ts";
import { observeJob, readProgress } from "../jobs/observe.ts";
import { progressDueInMs } from "../jobs/progress.ts";
import { batchJobs, type Job } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Result } from "../runtime/controller.ts";
import { isAlreadyExists } from "../runtime/errors.ts";
import { writeStatus } from "../runtime/status.ts";
import { currentAttempt, withAttempt } from "./attempts.ts";
import { decide } from "./decide.ts";
import type { Action, Decision, World } from "./world.ts";

const manager = "luthier-finetunerun";

export class FineTuneRunReconciler {
  readonly #client: Client;
  readonly #caches: Caches;
  readonly #clock: Clock;

  constructor(options: { client: Client; caches: Caches; clock: Clock }) {
    this.#client = options.client;
    this.#caches = options.caches;
    this.#clock = options.clock;
  }

  async reconcile(key: string): Promise<Result> {
    const run = this.#caches.fineTuneRuns.get(key);
    if (run === undefined) return {};
    const world = await this.#gather(run);
    const decision = decide(world);
    const status = await this.#apply(world, decision);
    await writeStatus(this.#client, fineTuneRuns, run, status, manager);
    return { requeueAfterMs: decision.requeueAfterMs };
  }

  async #gather(run: FineTuneRun): Promise<World> {
    const now = this.#clock();
    const record = currentAttempt(run.status);
    const attempt = record && {
      record,
      ...(await observeJob({ client: this.#client, ...this.#caches }, run, record.jobName)),
    };
    return { run, now, wantedBy: this.#wantedBy(run), attempt, progress: await this.#progress(run, attempt, now) };
  }

  #wantedBy(run: FineTuneRun): string[] {
    return this.#caches.fineTuneJobs
      .byIndex("run", `${run.metadata.namespace}/${run.metadata.name}`)
      .filter(
        ({ metadata, spec, status }) =>
          metadata.deletionTimestamp === undefined &&
          spec.suspend !== true &&
          status?.currentRunRef?.uid === run.metadata.uid,
      )
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  /** Asks the pod's log: while it trains as seldom as its numbers may be written, and once more at its end. */
  async #progress(run: FineTuneRun, attempt: World["attempt"], now: Date) {
    if (attempt?.state.kind === "Running") {
      const { progress } = run.status ?? {};
      const due = progress?.phase !== "Training" || progressDueInMs(progress, now) === 0;
      return due ? readProgress(this.#client, attempt.state.pod) : undefined;
    }
    if (attempt?.state.kind !== "Succeeded" && attempt?.state.kind !== "Failed") return undefined;
    const [last] = this.#caches.pods
      .byIndex("job", `${run.metadata.namespace}/${attempt.record.jobName}`)
      .sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1));
    return last && readProgress(this.#client, last);
  }

  async #apply(world: World, { actions, status }: Decision): Promise<Decision["status"]> {
    let next = status;
    for (const action of actions) {
      switch (action.kind) {
        case "createJob": {
          const job = await this.#start(world, action);
          if (job) next = withAttempt(next, { jobUID: job.metadata.uid });
          break;
        }
        case "deleteJob":
          await this.#client.delete(batchJobs, action.job, "Foreground");
          break;
      }
    }
    return next;
  }

  /** Creates the attempt's Job, after a look at the API server itself: caches may be old, and a training is dear. */
  async #start({ run, wantedBy }: World, { job, attempt }: Action & { kind: "createJob" }): Promise<Job | undefined> {
    const namespace = run.metadata.namespace ?? "";
    const current = await this.#client.get(fineTuneRuns, { namespace, name: run.metadata.name });
    if (current?.metadata.uid !== run.metadata.uid) return undefined;
    const planned = currentAttempt(current?.status);
    if (planned?.number !== attempt || planned.jobUID !== undefined) return undefined;
    if (!(await this.#stillWanted(namespace, wantedBy[0], run.metadata.uid))) return undefined;
    try {
      return await this.#client.create(batchJobs, job);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return undefined;
    }
  }

  async #stillWanted(namespace: string, name: string | undefined, uid: string | undefined): Promise<boolean> {
    if (name === undefined) return false;
    const job = await this.#client.get(fineTuneJobs, { namespace, name });
    return job !== undefined && job.spec.suspend !== true && job.status?.currentRunRef?.uid === uid;
  }
}
