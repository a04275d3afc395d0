/** Builders for tests: worlds of FineTuneJob decisions, and readers of decisions. */
import { prepareKey, runHash, specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { Condition } from "../api/common.ts";
import { findCondition } from "../api/conditions.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { FineTuneJob } from "../api/kinds.ts";
import { planKey, podMemory } from "../finetunejob/fit.ts";
import type { World } from "../finetunejob/world.ts";
import { aJob, aPinnedJob, aRun, aSpec, now, trainer } from "./builders.ts";

/** A job that was just applied, with the members of `change`. */
export function aWorld(job: FineTuneJob = aJob(), change: Partial<World> = {}): World {
  const training = trainingPart(job.spec);
  return {
    job,
    now,
    wanted: { spec: job.spec, prepareKey: prepareKey(training), specHash: specHash(training), request: undefined },
    ...trainer,
    adapters: [],
    currentRun: undefined,
    runWantedBy: [],
    prepare: undefined,
    check: undefined,
    stalePrepares: [],
    memory: podMemory(job.spec),
    plan: undefined,
    runHash: undefined,
    run: undefined,
    placer: undefined,
    adapterNameTaken: false,
    ...change,
  };
}

/** The planner's answer about `job`, whose inputs are pinned. */
export function aPlan(fits: boolean, job: FineTuneJob = aPinnedJob()): NonNullable<World["plan"]> {
  return {
    kind: "planned",
    plan: {
      key: planKey(job.spec, job.status!.pins!, podMemory(job.spec)),
      ...{ trainableParameters: 1, totalParameters: 2, microRows: 1, recomputedBlocks: 0, steps: 3 },
      predictedPeakBytes: 3 * 2 ** 30,
      availableBytes: fits ? 4 * 2 ** 30 : 2 * 2 ** 30,
      fits,
      ...(fits ? {} : { nearestFit: "dataset.maxSequenceLength: 256 (needs 1.5 GiB)" }),
    },
  };
}

/** A job whose inputs are pinned and whose run fits. */
export function pinned(change: Partial<World> = {}, spec: FineTuneJobSpec = aSpec()): World {
  const job = aPinnedJob(spec);
  const hash = runHash(trainingPart(spec), job.status!.pins!);
  return aWorld(job, { plan: aPlan(true, job), runHash: hash, ...change });
}

/** A job whose run is its own and in status. */
export function withRun(change: (world: World) => Partial<World> = () => ({})): World {
  const world = pinned();
  const run = aRun(world.job);
  const owned = {
    ...world.job,
    status: { ...world.job.status, currentRunRef: { name: run.metadata.name, uid: "run-uid" } },
  };
  const base = { ...world, job: owned, run, currentRun: run };
  return { ...base, ...change(base) };
}

type Decision = { actions: readonly { kind: string }[]; status: { conditions?: Condition[] | undefined } };

export const actions = (decision: Pick<Decision, "actions">) => decision.actions.map(({ kind }) => kind);
export const conditionOf = ({ status }: Pick<Decision, "status">, type: string) =>
  findCondition(status.conditions, type);
export const ready = (decision: Pick<Decision, "status">) => conditionOf(decision, "Ready");
export const stalled = (decision: Pick<Decision, "status">) => conditionOf(decision, "Stalled");
