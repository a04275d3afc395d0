import { prepareKey } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import { jobState } from "../jobs/outcome.ts";
import {
  aBatchJob,
  aJob,
  anAdapter,
  anEnvelope,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  failed,
  prepareFigures,
  succeeded,
} from "../testing/builders.ts";
import { restTests, roadTests } from "../testing/declared.ts";
import { aPlan, aWorld, pinned, withRun } from "../testing/worlds.ts";
import { decideBy, road } from "./decide.ts";
import type { Readable } from "./decision.ts";
import type { World } from "./world.ts";

const before = aPinnedJob();
const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-02T03:00:00Z" });
const exporting = { ...adapter, metadata: { ...adapter.metadata, generation: 2 } };
const exportFailed: Adapter = {
  ...adapter,
  status: {
    observedGeneration: 1,
    conditions: ["Ready", "Stalled"].map((type) => ({
      type,
      status: type === "Ready" ? "False" : "True",
      reason: "VerificationFailed",
      message: "words",
      lastTransitionTime: "2026-01-02T03:00:00Z",
    })),
  },
};
const deleting = (one: Adapter): Adapter => ({ ...one, metadata: { ...one.metadata, deletionTimestamp: "x" } });
const settled = [adapter, exporting, exportFailed];

const wanting = (spec: FineTuneJobSpec, change: Partial<World> = {}) => aWorld(aJob(spec), change);
const chosen = (name: string) => aSpec({ promotion: { adapterRef: { name } } });
const suspended = (world: World): World => {
  const spec = aSpec({ suspend: true });
  return { ...world, job: { ...world.job, spec }, wanted: { ...world.wanted, spec } as Readable["wanted"] };
};

/** The Adapter `bot-1` of the current run was deleted; `promotedName` is promoted. */
const deleted = (adapters: Adapter[], promotedName?: string) =>
  withRun(({ run, job }) => ({
    run: succeeded(run!),
    currentRun: succeeded(run!),
    adapters,
    job: {
      ...job,
      status: {
        ...job.status,
        currentRunRef: { ...job.status!.currentRunRef!, adapterName: "bot-1" },
        ...(promotedName !== undefined && { promotedAdapterRef: { name: promotedName } }),
      },
    },
  }));

const preparing = (state: NonNullable<World["prepare"]>["state"], job = aBatchJob()) =>
  aWorld(aJob(), { prepare: { job, state } });
const complete = (message: string) => jobState(aBatchJob({ type: "Complete" }), [aPod({ exitCode: 0, message })]);
const key = prepareKey(trainingPart(aSpec()));
const pinsFound = complete(anEnvelope({ stage: "Prepare", figures: prepareFigures(key) }));
const unreadable = jobState(aBatchJob({ type: "Failed" }), [
  aPod({ exitCode: 20, message: anEnvelope({ stage: "Prepare", outcome: "Failed", reason: "BadRow" }) }),
]);
const failedBefore = decideBy(preparing(unreadable) as Readable).decision.status;

const foreignRun = (change: Partial<ReturnType<typeof aRun>["spec"]>) =>
  withRun(({ run }) => ({ run: { ...run!, spec: { ...run!.spec, ...change } } }));
const mirrored = {
  state: "Training",
  conditions: [{ type: "Ready", status: "False" as const, reason: "Training", message: "", lastTransitionTime: "x" }],
};

const unpromoted = anAdapter(before, succeeded(aRun(before)));
/** Another Adapter is promoted than that of the spec's settings. */
function gatedBy(
  promotion: FineTuneJobSpec["promotion"],
  provenance: Partial<Adapter["spec"]["provenance"]> = {},
): World {
  const other = aPinnedJob(aSpec({ method: { lora: { rank: 4 } } }));
  const adapters = [unpromoted, anAdapter(other, succeeded(aRun(other)), { promotedAt: "2026-01-01T00:00:00Z" })];
  return wanting(aSpec({ promotion }), {
    adapters: adapters.map((one) => ({
      ...one,
      spec: { ...one.spec, provenance: { ...one.spec.provenance, ...provenance } },
    })),
  });
}

/** GGUF is asked for, and prepare found that the base has no form in it. */
function withoutGguf(): World {
  const world = pinned({}, aSpec({ adapter: { exports: [{ name: "for-llama-cpp", gguf: {} }] } }));
  const { status } = world.job;
  const inputs = { ...status!.inputs!, ggufRefusal: "gguf: no form: export merged" };
  return { ...world, job: { ...world.job, status: { ...status, inputs } } };
}

const worlds: Record<string, World[]> = {
  pinnedAdapter: [
    ...settled.map((one) => wanting(chosen(one.metadata.name), { adapters: [one] })),
    wanting(chosen("none"), { adapters: [adapter] }),
  ],
  adapterDeleted: [...settled.map((one) => deleted([one], one.metadata.name)), deleted([], "bot-1"), deleted([])],
  promoteKnown: [
    ...settled.map((one) => wanting(aSpec(), { adapters: [one] })),
    wanting(aSpec({ artifacts: { uri: "pvc://other" } }), { adapters: [adapter] }),
    gatedBy({ policy: "IfBetter", metric: "ExactMatch" }, { evaluationSetDigest: "the same" }),
    gatedBy({ policy: "IfBetter" }, {}),
    gatedBy({ require: [{ metric: "ExactMatch", atLeast: "1" }] }),
    gatedBy({ policy: "Manual" }),
    wanting(aSpec({ promotion: { policy: "Manual" } }), { adapters: [unpromoted] }),
    wanting(aSpec({ promotion: { require: [{ metric: "ExactMatch", atLeast: "1" }] } }), { adapters: [unpromoted] }),
  ],
  suspended: [
    suspended(withRun(({ run }) => ({ currentRun: { ...run!, status: { state: "Training" } } }))),
    suspended(withRun(({ run }) => ({ currentRun: { ...run!, status: { state: "Stopped" } } }))),
  ],
  prepareFailed: [aWorld(aJob(aSpec(), failedBefore), { prepare: { job: undefined, state: { kind: "Absent" } } })],
  prepare: [
    preparing({ kind: "Absent" }),
    preparing(jobState(aBatchJob(), [aPod({ unschedulable: "no room" })])),
    preparing({ kind: "Pending", reason: "Queued", message: "The Job is suspended by a queue." }),
    preparing(pinsFound),
    preparing(complete("cut")),
    preparing({ kind: "Foreign" }),
    preparing(unreadable),
  ],
  doesNotFit: [
    pinned({ plan: aPlan(false) }),
    pinned({ plan: { kind: "failed", message: "no such layer" } }),
    pinned({ plan: { kind: "failed", message: "took too long", retryAfterMs: 1 } }),
  ],
  exportImpossible: [withoutGguf()],
  needsRun: [pinned()],
  runConflict: [foreignRun({ runHash: "0".repeat(64) }), foreignRun({ artifactRoot: "pvc://other/team" })],
  runDeleting: [withRun(({ run }) => ({ run: { ...run!, metadata: { ...run!.metadata, deletionTimestamp: "x" } } }))],
  adoptRun: [pinned({ run: aRun(before) })],
  runSucceeded: [
    withRun(({ run }) => ({ run: succeeded(run!), adapters: [deleting(adapter)] })),
    withRun(({ run }) => ({ run: succeeded(run!) })),
    withRun(({ run }) => ({ run: succeeded(run!), adapterNameTaken: true })),
  ],
  runFailed: [withRun(({ run }) => ({ run: failed(run!) }))],
  runContinues: [withRun(), withRun(({ run }) => ({ run: { ...run!, status: mirrored } }))],
};

roadTests(road, worlds, (world) => decideBy(world as Readable));

restTests(worlds, (world, progress) => {
  const running = (run: World["run"]) => run && { ...run, status: { ...run.status, progress } };
  const job = { ...world.job, status: { ...world.job.status, progress } };
  return decideBy({ ...world, job, run: running(world.run), currentRun: running(world.currentRun) } as Readable);
});
