/** Reconciles Adapters: gather → decide → apply. */
import { type AdapterSpec, adapterSpec } from "../api/adapter.ts";
import { specIssue } from "../api/issue.ts";
import { type Adapter, adapters, promotedAt } from "../api/kinds.ts";
import { labels } from "../api/names.ts";
import { calmReasons } from "../api/outcome.ts";
import { createJobOf, type Refused } from "../jobs/create.ts";
import { observeJob } from "../jobs/observe.ts";
import { hasEnded } from "../jobs/outcome.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import { deleteUnstarted } from "../jobs/replace.ts";
import { batchJobs } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Result } from "../runtime/controller.ts";
import type { EventRecorder } from "../runtime/events.ts";
import { writeStatus } from "../runtime/status.ts";
import { type Caches, inNamespace } from "../shared/caches.ts";
import { tellTransition } from "../shared/transition.ts";
import { decide, road } from "./decide.ts";
import { exportJobName, isFinished, requested } from "./exports.ts";
import type { Decision, ExportWorld, World } from "./world.ts";

const manager = "luthier-adapter";
const calm = calmReasons(road);

export class AdapterReconciler {
  readonly #client: Client;
  readonly #pods: PodSettings;
  readonly #caches: Caches;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #trainerImage: string;

  constructor(options: {
    client: Client;
    caches: Caches;
    events: EventRecorder;
    clock: Clock;
    trainerImage: string;
    pods: PodSettings;
  }) {
    this.#pods = options.pods;
    this.#client = options.client;
    this.#caches = options.caches;
    this.#events = options.events;
    this.#clock = options.clock;
    this.#trainerImage = options.trainerImage;
  }

  async reconcile(key: string): Promise<Result> {
    const adapter = this.#caches.adapters.get(key);
    if (adapter === undefined) return {};
    const world = await this.#gather(adapter);
    const decision = decide(world);
    const refused = await this.#apply(adapter, decision);
    const { status, requeueAfterMs } = refused.size === 0 ? decision : decide(withRefusals(world, refused));
    await writeStatus(this.#client, adapters, adapter, status, manager);
    await tellTransition({ events: this.#events, calm }, adapter, status, world.now);
    return { requeueAfterMs };
  }

  /** Carries out the actions; returns the Jobs, by name, that the API server rejects. */
  async #apply(adapter: Adapter, { actions }: Decision): Promise<Map<string, Refused>> {
    const refused = new Map<string, Refused>();
    for (const action of actions) {
      switch (action.kind) {
        case "deleteJob":
          await this.#client.delete(batchJobs, action.job, "Background");
          break;
        case "deleteUnstarted":
          await deleteUnstarted(this.#client, action.job);
          break;
        case "createJob": {
          const created = await createJobOf(this.#client, adapters, adapter, action.job);
          if (created.kind === "Refused") refused.set(action.job.metadata.name, created);
        }
      }
    }
    return refused;
  }

  async #gather(adapter: Adapter): Promise<World> {
    const parsed = adapterSpec.safeParse(adapter.spec);
    const trainer = { trainerImage: this.#trainerImage, pods: this.#pods };
    const world = { adapter, now: this.#clock(), ...trainer, exports: [], staleJobs: [] };
    if (!parsed.success) return { ...world, spec: { issue: specIssue(parsed.error) } };
    const { data: spec } = parsed;
    const exports = await Promise.all((spec.exports ?? []).map((entry) => this.#export(adapter, spec, entry)));
    const names = new Set(exports.map(({ key }) => exportJobName(key)));
    const staleJobs = this.#caches.jobs
      .byIndex("owner", adapter.metadata.uid ?? "")
      .filter(({ metadata }) => !names.has(metadata.name) && metadata.deletionTimestamp === undefined);
    return { ...world, spec: parsed.data, exports, staleJobs };
  }

  /** The promoted Adapter of a FineTuneJob is the one that was promoted last. */
  #isPromoted(adapter: Adapter): boolean {
    const job = adapter.metadata.labels?.[labels.job];
    const all = job === undefined ? [] : this.#caches.adapters.byIndex("job", inNamespace(adapter, job));
    return promotedAt(adapter) !== "" && all.every((other) => promotedAt(other) <= promotedAt(adapter));
  }

  async #export(adapter: Adapter, spec: AdapterSpec, entry: ExportWorld["entry"]): Promise<ExportWorld> {
    const { key, tag } = requested(adapter, entry, { isPromoted: this.#isPromoted(adapter) });
    const wanted = { entry, key, ...(tag !== undefined && { tag }) };
    const before = adapter.status?.exports?.find((one) => one.key === key);
    const job = this.#caches.jobs.get(`${adapter.metadata.namespace}/${exportJobName(key)}`);
    // A finished export needs no Job. An export with an unfinished Job is not finished, even if the status claims it.
    if (before && isFinished(before, key, spec) && (job === undefined || hasEnded(job)))
      return { ...wanted, job: undefined, state: { kind: "Absent" } };
    return {
      ...wanted,
      ...(await observeJob({ client: this.#client, clock: this.#clock, ...this.#caches }, adapter, exportJobName(key))),
    };
  }
}

function withRefusals(world: World, refused: ReadonlyMap<string, Refused>): World {
  const exports = world.exports.map((one) => {
    const state = refused.get(exportJobName(one.key))?.state;
    return state === undefined ? one : { ...one, state };
  });
  return { ...world, exports };
}
