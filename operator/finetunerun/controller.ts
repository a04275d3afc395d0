/**
 * Reconciles FineTuneRuns: gather → decide → apply. The operator writes the status once, after the action. The attempt of
 * the action is in the status since the previous reconcile.
 */

import { type FineTuneRun, fineTuneJobs, fineTuneRuns } from "../api/kinds.ts";
import { labels } from "../api/names.ts";
import { calmReasons } from "../api/outcome.ts";
import { createJobOf } from "../jobs/create.ts";
import { observeJob, readEnd, readProgress } from "../jobs/observe.ts";
import { hasEnded } from "../jobs/outcome.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import { progressDueInMs } from "../jobs/progress.ts";
import { deleteUnstarted } from "../jobs/replace.ts";
import { batchJobs, type Job } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Result } from "../runtime/controller.ts";
import { StaleError } from "../runtime/errors.ts";
import type { EventRecorder } from "../runtime/events.ts";
import { newest } from "../runtime/objects.ts";
import { writeStatus } from "../runtime/status.ts";
import type { Caches } from "../shared/caches.ts";
import { tellTransition } from "../shared/transition.ts";
import { currentAttempt, withAttempt } from "./attempts.ts";
import { decide, road } from "./decide.ts";
import { measured } from "./measure.ts";
import type { FineTuningMetrics } from "./metrics.ts";
import { repairedRun } from "./repair.ts";
import { Turns } from "./turns.ts";
import { expectedBy, wantedBy } from "./wishes.ts";
import type { Decision, World } from "./world.ts";

const manager = "luthier-finetunerun";
const calm = calmReasons(road);

export class FineTuneRunReconciler {
  readonly #client: Client;
  readonly #pods: PodSettings;
  readonly #caches: Caches;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #trainerImage: string;
  readonly #metrics: FineTuningMetrics;
  readonly #turns: Turns;

  constructor(options: {
    client: Client;
    caches: Caches;
    events: EventRecorder;
    metrics: FineTuningMetrics;
    clock: Clock;
    trainerImage: string;
    pods: PodSettings;
    /** The limit of concurrent runs of each namespace. */
    concurrentRuns: number | undefined;
  }) {
    this.#pods = options.pods;
    this.#client = options.client;
    this.#caches = options.caches;
    this.#events = options.events;
    this.#clock = options.clock;
    this.#trainerImage = options.trainerImage;
    this.#metrics = options.metrics;
    this.#turns = new Turns(options.concurrentRuns);
  }

  async reconcile(key: string): Promise<Result> {
    const run = this.#caches.fineTuneRuns.get(key);
    if (run === undefined) return {};
    const jobs = this.#caches.jobs.byIndex("owner", run.metadata.uid ?? "");
    const gathered = await this.#gather(repairedRun(run, jobs));
    // Nothing is awaited from here to the record of the place: two runs must not take the same one.
    const world = { ...gathered, turn: this.#turns.of(gathered.run, this.#caches) };
    const decision = decide(world);
    this.#turns.decided(world.run, decision.status);
    const { status, requeueAfterMs } = await this.#apply(world, decision);
    await writeStatus(this.#client, fineTuneRuns, run, status, manager);
    this.#metrics.record(run.metadata.namespace ?? "", measured(run.status ?? {}, status, world.now));
    await tellTransition({ events: this.#events, calm }, run, status, world.now);
    return { requeueAfterMs };
  }

  async #gather(run: FineTuneRun): Promise<World> {
    const now = this.#clock();
    const record = currentAttempt(run.status);
    const attempt = record && {
      record,
      ...(await observeJob({ client: this.#client, clock: this.#clock, ...this.#caches }, run, record.jobName)),
    };
    return {
      run,
      now,
      trainerImage: this.#trainerImage,
      pods: this.#pods,
      wantedBy: wantedBy(this.#caches, run),
      expectedBy: expectedBy(this.#caches, run),
      turn: undefined,
      attempt,
      ...(await this.#log(run, attempt, now)),
    };
  }

  /** Reads the pod's log: progress during training, no more often than the status may be written, and at the end the curves too. */
  async #log(run: FineTuneRun, attempt: World["attempt"], now: Date): Promise<Pick<World, "progress" | "curves">> {
    if (attempt?.state.kind === "Running") {
      const { progress } = run.status ?? {};
      const due = progress?.phase !== "Training" || progressDueInMs(progress, now) === 0;
      return { progress: due ? await readProgress(this.#client, attempt.state.pod) : undefined };
    }
    if (attempt?.state.kind !== "Succeeded" && attempt?.state.kind !== "Failed") return { progress: undefined };
    const last = newest(this.#caches.pods.byIndex("job", `${run.metadata.namespace}/${attempt.record.jobName}`));
    return { progress: undefined, ...(last && (await readEnd(this.#client, last, run.spec.runHash))) };
  }

  /** Carries out the actions; returns the decision with their result. */
  async #apply(world: World, decision: Decision): Promise<Decision> {
    const [action] = decision.actions;
    switch (action?.kind) {
      case undefined:
        return decision;
      case "deleteJob":
        await this.#client.delete(batchJobs, action.job, "Foreground");
        return decision;
      case "deleteUnstarted":
        await deleteUnstarted(this.#client, action.job);
        return decision;
      case "createJob":
        return this.#start(world, decision, action.job);
    }
  }

  /** Creates the attempt's Job if a FineTuneJob still wants it. A training is expensive, so it asks the API server. */
  async #start(world: World, decision: Decision, job: Job): Promise<Decision> {
    const { run, attempt, wantedBy } = world;
    if (!(await this.#stillWanted(run, wantedBy[0]))) throw new StaleError(`${wantedBy[0]} no longer wants a run`);
    if (await this.#isUnderWay(run, job)) throw new StaleError(`another Job of ${run.metadata.name} has not ended`);
    const created = await createJobOf(this.#client, fineTuneRuns, run, job);
    switch (created.kind) {
      case "Created":
        return { ...decision, status: withAttempt(decision.status, { jobUID: created.job.metadata.uid }) };
      case "Exists":
        return decision;
      case "Refused":
        return decide({ ...world, attempt: attempt && { ...attempt, state: created.state } });
    }
  }

  /** Does this run have an unfinished Job other than the one to create? */
  async #isUnderWay({ metadata }: FineTuneRun, job: Job): Promise<boolean> {
    const { namespace = "", name, uid } = metadata;
    const { items } = await this.#client.list(batchJobs, { namespace, labelSelector: `${labels.run}=${name}` });
    return items
      .filter((one) => one.metadata.name !== job.metadata.name && !hasEnded(one))
      .some((one) => one.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true);
  }

  async #stillWanted({ metadata }: FineTuneRun, name: string | undefined): Promise<boolean> {
    if (name === undefined) return false;
    const job = await this.#client.get(fineTuneJobs, { namespace: metadata.namespace ?? "", name });
    return job !== undefined && job.spec.suspend !== true && job.status?.currentRunRef?.uid === metadata.uid;
  }
}
