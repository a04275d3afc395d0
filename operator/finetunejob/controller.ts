/**
 * Reconciles FineTuneJobs: gather → decide → apply. Actions come first, then one status write. Every action is idempotent:
 * names derive from content, and AlreadyExists counts as success.
 */
import { adapters, type FineTuneJob, fineTuneJobs, fineTuneRuns } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { calmReasons } from "../api/outcome.ts";
import { road as roadOfRun } from "../finetunerun/decide.ts";
import { createJobOf, type Refused } from "../jobs/create.ts";
import { deleteUnstarted } from "../jobs/replace.ts";
import { batchJobs } from "../jobs/resources.ts";
import { timestamp } from "../runtime/clock.ts";
import type { Result } from "../runtime/controller.ts";
import { isAlreadyExists, isNotFound } from "../runtime/errors.ts";
import type { EventRecorder } from "../runtime/events.ts";
import { type KubeObject, ownerReference } from "../runtime/objects.ts";
import { writeStatus } from "../runtime/status.ts";
import { tellTransition } from "../shared/transition.ts";
import { decide, road } from "./decide.ts";
import { type Gatherer, gather } from "./gather.ts";
import type { Action, World } from "./world.ts";

const manager = "luthier-finetunejob";
const calm = calmReasons(road, roadOfRun);

export class FineTuneJobReconciler {
  readonly #gatherer: Gatherer;
  readonly #events: EventRecorder;

  constructor(options: Gatherer & { events: EventRecorder }) {
    this.#gatherer = options;
    this.#events = options.events;
  }

  async reconcile(key: string): Promise<Result> {
    const job = this.#gatherer.caches.fineTuneJobs.get(key);
    if (job === undefined) return {};
    const world = await gather(this.#gatherer, job);
    let decision = decide(world);
    for (const action of decision.actions) {
      const refused = await this.#apply(job, action);
      if (refused) decision = decide(refusedWorld(world, action, refused));
    }
    await writeStatus(this.#gatherer.client, fineTuneJobs, job, decision.status, manager);
    await tellTransition({ events: this.#events, calm }, job, decision.status, world.now);
    return { requeueAfterMs: decision.requeueAfterMs };
  }

  /** Carries out one action; returns the refusal if the API server rejects a Job. */
  async #apply(job: FineTuneJob, action: Action): Promise<Refused | undefined> {
    const { client } = this.#gatherer;
    const { namespace = "" } = job.metadata;
    switch (action.kind) {
      case "createCheck":
      case "createPrepare": {
        const created = await createJobOf(client, fineTuneJobs, job, action.job);
        return created.kind === "Refused" ? created : undefined;
      }
      case "deleteJob":
        await client.delete(batchJobs, action.job, "Background");
        return;
      case "deleteUnstarted":
        await deleteUnstarted(client, action.job);
        return;
      case "createRun":
        await this.#createRun(job, action);
        return;
      case "ownRun":
        await client.apply(
          fineTuneRuns,
          partial(action.run, { ownerReferences: [ownerReference(job, { controller: false })] }),
          // One field manager per owner: each applies its own reference and leaves the others'.
          { manager: `${manager}-${job.metadata.uid}` },
        );
        return;
      case "updateExecution":
        await client.replaceAt(fineTuneRuns, action.run, { "/spec/execution": action.execution });
        return;
      case "applyAdapter":
        await client.apply(adapters, action.adapter, { manager });
        return;
      case "updateAdapter": {
        const { exports, execution, names } = action.update;
        const values = { "/spec/exports": exports, "/spec/execution": execution };
        const marks = { ...action.adapter.metadata.annotations, [annotations.jobExports]: names };
        // Another client may add an export at the same moment.
        const patch = { ...values, "/metadata/annotations": marks };
        await client.replaceAt(adapters, action.adapter, patch, { unchanged: true });
        return;
      }
      case "promote":
        await client.mergePatch(
          adapters,
          { namespace, name: action.adapter },
          {
            metadata: { annotations: { [annotations.promotedAt]: timestamp(this.#gatherer.clock()) } },
          },
        );
        return;
    }
  }

  /** A run may cost hours, so the operator reads the FineTuneJob uncached before it creates the run. */
  async #createRun(job: FineTuneJob, { run }: Action & { kind: "createRun" }): Promise<void> {
    const { client } = this.#gatherer;
    const { namespace = "", name } = job.metadata;
    const current = await client.get(fineTuneJobs, { namespace, name });
    if (current?.metadata.uid !== job.metadata.uid || current?.metadata.generation !== job.metadata.generation) return;
    await once(client.create(fineTuneRuns, run));
  }
}

/** The world in which the API server rejects the Job of an action. A refused check waits for its next time. */
function refusedWorld(world: World, { kind }: Action, { words, state }: Refused): World {
  if (kind !== "createCheck" || world.check === undefined) return { ...world, prepare: { job: undefined, state } };
  const failure = { reason: state.reason, message: words, exitCode: undefined, retryable: false, exhausted: false };
  const failed = { kind: "Failed" as const, failure, endedAt: undefined };
  return { ...world, check: { ...world.check, observed: { job: undefined, state: failed } } };
}

/** Ignores AlreadyExists, and NotFound, which the next reconcile handles. */
async function once(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isAlreadyExists(error) && !isNotFound(error)) throw error;
  }
}

/** The part of an object that one manager applies. */
function partial(object: KubeObject, metadata: Partial<KubeObject["metadata"]>): KubeObject {
  const { name, namespace = "" } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, namespace, ...metadata } };
}
