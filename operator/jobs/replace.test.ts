/** The operator recreates an outdated Job that has not started, at all three stages, and no Job whose pod runs. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { describe, test } from "node:test";
import { decide as decideAdapter } from "../adapter/decide.ts";
import { exportJob, exportKey } from "../adapter/exports.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import { annotations } from "../api/names.ts";
import { prepareJob } from "../finetunejob/children.ts";
import { decide as decideJob } from "../finetunejob/decide.ts";
import type { Wanted } from "../finetunejob/world.ts";
import { currentAttempt } from "../finetunerun/attempts.ts";
import { decide as decideRun } from "../finetunerun/decide.ts";
import { trainJob } from "../finetunerun/job.ts";
import type { World as RunWorld } from "../finetunerun/world.ts";
import { Client } from "../runtime/client.ts";
import { StaleError } from "../runtime/errors.ts";
import {
  aBatchJob,
  aJob,
  anAdapter,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  image,
  now,
  succeeded,
  trainer,
} from "../testing/builders.ts";
import { withServer } from "../testing/server.ts";
import { actions, aWorld } from "../testing/worlds.ts";
import { type JobState, jobState } from "./outcome.ts";
import type { PodSettings } from "./podSettings.ts";
import { isOutdated } from "./render.ts";
import { deleteUnstarted } from "./replace.ts";
import type { Job, Pod } from "./resources.ts";

const bad = "registry.example/luthier-trainer:typo";
const merged = { name: "merged", merged: {} };
type Settings = { spec?: FineTuneJobSpec; trainerImage?: string; pods?: PodSettings };

/** The rendered Job of each stage, and the action on `job` in `state`. */
const stages = {
  prepare: {
    render: ({ spec = aSpec(), ...other }: Settings): Job => {
      const world = aWorld(aJob(spec));
      return prepareJob(world.job, world.wanted as Wanted, { ...trainer, ...other });
    },
    done: (job: Job, state: JobState): string[] => actions(decideJob(aWorld(aJob(), { prepare: { job, state } }))),
  },
  train: {
    render: ({ spec = aSpec(), ...other }: Settings): Job =>
      trainJob(aRun(aPinnedJob(spec)), { jobName: "run-1", ...trainer, ...other, activeDeadlineSeconds: undefined }),
    done: (job: Job, state: JobState): string[] => {
      const first = decideRun(running(job, state));
      return actions(decideRun(running(job, state, currentAttempt(first.status)?.reason)));
    },
  },
  export: {
    render: ({ spec = aSpec(), ...other }: Settings): Job => {
      const adapter = adapterOf(spec);
      return exportJob(
        adapter,
        adapter.spec,
        { entry: merged, key: exportKey(adapter, merged) },
        { ...trainer, ...other },
      );
    },
    done: (job: Job, state: JobState): string[] => {
      const adapter = adapterOf(aSpec());
      const exports = [{ entry: merged, key: exportKey(adapter, merged), job, state }];
      return actions(decideAdapter({ adapter, now, ...trainer, spec: adapter.spec, exports, staleJobs: [] }));
    },
  },
};

function adapterOf(spec: FineTuneJobSpec) {
  const job = aPinnedJob({ ...spec, adapter: { exports: [merged] } });
  return { ...anAdapter(job, succeeded(aRun(job))), status: {} };
}

function running(job: Job, state: JobState, reason?: string): RunWorld {
  const record = { number: 1, jobName: "run-1", jobUID: "batch-uid", startedAt: "2026-01-02T03:00:00Z", reason };
  const run = aRun(aPinnedJob(), { attempts: [record] });
  return {
    run,
    now,
    ...trainer,
    wantedBy: ["bot"],
    expectedBy: [],
    attempt: { record, job, state },
    progress: undefined,
    turn: undefined,
  };
}

const where = { gpusPerNode: 0 };
const changes: { name: string; was: Settings }[] = [
  { name: "another image", was: { trainerImage: bad } },
  { name: "another proxy", was: { pods: { ...trainer.pods, variables: { HTTPS_PROXY: "http://proxy:3128" } } } },
  { name: "another user", was: { pods: { ...trainer.pods, user: undefined } } },
  {
    name: "a selector that no node has",
    was: { spec: aSpec({ placement: { ...where, nodeSelector: { disk: "none" } } }) },
  },
  { name: "a PriorityClass", was: { spec: aSpec({ placement: { ...where, priorityClassName: "low" } }) } },
  { name: "another label of the pods", was: { spec: aSpec({ placement: { ...where, labels: { team: "a" } } }) } },
  {
    name: "another queue",
    was: { spec: aSpec({ placement: { ...where, queue: { name: "a" } }, helpers: { queue: { name: "a" } } }) },
  },
  { name: "another scheduler", was: { spec: aSpec({ placement: { ...where, schedulerName: "volcano" } }) } },
  { name: "pull secrets", was: { spec: aSpec({ placement: { ...where, imagePullSecrets: [{ name: "keys" }] } }) } },
  {
    name: "other resources",
    was: {
      spec: aSpec({
        placement: { ...where, resources: { requests: { memory: "900Gi" } } },
        helpers: { resources: { requests: { memory: "900Gi" } } },
      }),
    },
  },
];
const states: { name: string; pods: Pod[]; replaced: boolean }[] = [
  { name: "without a pod", pods: [], replaced: true },
  { name: "whose pod no node accepts", pods: [aPod({ unschedulable: "no room" })], replaced: true },
  { name: "whose image cannot be pulled", pods: [aPod({ waiting: "ImagePullBackOff" })], replaced: true },
  { name: "whose last pod failed", pods: [aPod({ exitCode: 24 })], replaced: true },
  { name: "whose pod runs", pods: [aPod({ running: true })], replaced: false },
  {
    name: "whose pod runs and is ending",
    pods: [{ ...aPod({ running: true }), metadata: { name: "pod", deletionTimestamp: "2026-01-02T03:00:00Z" } }],
    replaced: false,
  },
];

for (const [stage, { render, done }] of Object.entries(stages)) {
  describe(`a Job of ${stage}`, () => {
    for (const { name, was } of changes) {
      test(`with ${name} is outdated`, () => assert.equal(isOutdated(render(was), render({})), true));
    }
    test("that is rendered again is not outdated, nor is one without a digest", () => {
      assert.equal(isOutdated(render({}), render({})), false);
      assert.equal(isOutdated(aBatchJob(), render({})), false);
    });
    for (const { name, pods, replaced } of states) {
      test(`${name}: ${replaced ? "is" : "is not"} recreated with the present image`, () => {
        const old = render({ trainerImage: bad });
        assert.deepEqual(done(old, jobState(old, pods)), replaced ? ["deleteUnstarted"] : []);
        assert.deepEqual(done(render({}), jobState(render({}), pods)), []);
      });
    }
  });
}

describe("a run whose Job is recreated", () => {
  const old = stages.train.render({ trainerImage: bad });
  const waiting = jobState(old, [aPod({ waiting: "ImagePullBackOff" })]);

  test("a run whose Job is recreated records the replacement before the operator deletes the Job; the next attempt has the present image and is no retry", () => {
    const first = decideRun(running(old, waiting));
    assert.deepEqual([actions(first), currentAttempt(first.status)?.reason], [[], "Replaced"]);
    const closed = decideRun(running(old, { kind: "Absent" }, "Replaced"));
    assert.deepEqual([closed.status.attempts?.[0]?.outcome, closed.status.crashes], ["Stopped", undefined]);
    const next = decideRun({ ...running(old, waiting), run: aRun(aPinnedJob(), closed.status), attempt: undefined });
    const attempt = currentAttempt(next.status);
    assert.deepEqual([attempt?.number, attempt?.trainerImage], [2, image]);
  });

  test("a run whose Job is recreated and whose pod started after all keeps running, and a later end does not count as a replacement", () => {
    const { status, actions: none } = decideRun(running(old, jobState(old, [aPod({ running: true })]), "Replaced"));
    assert.deepEqual([none, currentAttempt(status)?.reason], [[], undefined]);
  });

  test("a run whose Job is recreated records no failure if the Job fails while the operator deletes it, because its pod never started", () => {
    const failure = { reason: "PodFailurePolicy", message: "", exitCode: 137, retryable: false, exhausted: false };
    const deleted = { ...old, metadata: { ...old.metadata, deletionTimestamp: "2026-01-02T03:00:00Z" } };
    const state = { kind: "Failed", failure, endedAt: undefined } as const;
    const { status } = decideRun(running(deleted, state, "Replaced"));
    assert.deepEqual([currentAttempt(status)?.outcome, status.state], [undefined, "Pending"]);
    assert.equal(decideRun(running(old, state)).status.state, "Failed");
  });

  test("a run whose Job is recreated is stopped if no FineTuneJob wants it any longer", () => {
    const world = { ...running(old, { kind: "Absent" }, "Replaced"), wantedBy: [] };
    assert.equal(decideRun(world).status.state, "Stopped");
  });
});

describe("the operator reads the pods again before it deletes a Job that has not started", () => {
  for (const { phase, deletes } of [
    { phase: "Pending", deletes: 1 },
    { phase: "Running", deletes: 0 },
    { phase: "Unknown", deletes: 0 },
  ]) {
    test(`${phase}: ${deletes} deleted`, async () => {
      const asked: string[] = [];
      const listener: RequestListener = (request, response) => {
        asked.push(`${request.method} ${request.url}`);
        const pod = { ...aPod({}), status: { phase } };
        response.writeHead(200).end(JSON.stringify(request.method === "GET" ? { metadata: {}, items: [pod] } : {}));
      };
      await withServer(listener, async (transport) => {
        const deletion = deleteUnstarted(new Client(transport), aBatchJob());
        await (deletes === 1 ? deletion : assert.rejects(deletion, StaleError));
      });
      assert.match(asked[0] ?? "", /^GET .*pods\?labelSelector=batch.kubernetes.io%2Fjob-name%3Djob$/);
      assert.equal(asked.filter((one) => one.startsWith("DELETE")).length, deletes);
    });
  }
});

test("the digest covers the rendered Job, in any order of its members", () => {
  const digest = (spec: FineTuneJobSpec) => stages.train.render({ spec }).metadata.annotations?.[annotations.rendered];
  const [one, other] = [
    { a: "1", b: "2" },
    { b: "2", a: "1" },
  ].map((nodeSelector) => digest(aSpec({ placement: { ...where, nodeSelector } })));
  assert.match(one ?? "", /^[0-9a-f]{64}$/);
  assert.equal(one, other);
});
