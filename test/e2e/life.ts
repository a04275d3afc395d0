/** Disturbs the life of a run: nothing is trained twice, and no finished training is lost. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Adapter, FineTuneJob } from "../../operator/api/kinds.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type Bench, condition, killProcessesOf, long, manifest, type Team } from "./bench.ts";

const digest = async (team: Team) => (await team.adapter()).spec.source.digest;
const resumes = async (team: Team) => (await team.run()).status?.results?.resumes;
const attempts = async (team: Team) =>
  (await team.run()).status?.attempts?.map(({ outcome, exitCode, reason }) =>
    outcome === "Succeeded" ? outcome : `${outcome} ${exitCode} ${reason}`,
  );
const promoted = ({ status }: FineTuneJob) => status?.promotedAdapterRef?.name;

const failures = "jsonpath={.items[*].status.failed}";

async function trainingPod(team: Team): Promise<KubeObject> {
  const [pod] = await team.list("pods", "-l", "luthier.dev/stage=train", "--field-selector=status.phase=Running");
  return pod ?? assert.fail("no training pod runs");
}

async function suspendJob(team: Team, suspend: boolean): Promise<void> {
  const [job] = await team.list("jobs", "-l", "luthier.dev/stage=train");
  await team.kubectl(
    "patch",
    "job",
    job?.metadata.name ?? "",
    "--type=merge",
    "-p",
    JSON.stringify({ spec: { suspend } }),
  );
}

/** Waits for a checkpoint, because a kill before the first one would only restart the training. */
async function untilCheckpoint(team: Team): Promise<void> {
  const { metadata, spec } = await team.run();
  const checkpoints = path.join(team.store, team.name, "runs", spec.runHash, "checkpoints");
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(50)) {
    if (globSync("step-*/manifest.json", { cwd: checkpoints }).length > 0) return;
  }
  throw new Error(`${metadata.name} wrote no checkpoint to ${checkpoints} within 60 s`);
}

export function lifeTests(bench: () => Bench): void {
  let calm: Promise<string> | undefined;
  /** The digest of an undisturbed training, which runs on the first call. */
  const undisturbed = () => (calm ??= leftAlone(bench()));

  describe("disturbances of the operator", { concurrency: 2 }, () => operatorTests(bench, undisturbed));
  // Not in parallel with the operator's kills, which would be a second disturbance.
  describe("disturbances of the run", { concurrency: 3 }, () => {
    podTests(bench, undisturbed);
    describe("suspend", inOrder, () => suspendTests(bench, undisturbed));
    describe("a run that is replaced, fails, and loses its namespace", inOrder, () =>
      replacedTests(bench, undisturbed),
    );
    describe("edits", inOrder, () => editTests(bench));
  });
}

const inOrder = { concurrency: 1 };

async function leftAlone(bench: Bench): Promise<string> {
  const team = await bench.namespace("calm");
  await team.apply(manifest("job", { training: long }));
  await team.untilReady("job");
  return await digest(team);
}

type Undisturbed = () => Promise<string>;

function operatorTests(bench: () => Bench, undisturbed: Undisturbed): void {
  test("an undisturbed training gives the digest for comparison", async () => {
    assert.ok(await undisturbed());
  });

  test("an operator killed at five moments of a life makes one run, one training and one Adapter", async () => {
    const team = await bench().namespace("restarted");
    await team.apply(manifest("job", { training: long, adapter: { exports: [{ name: "merged", merged: {} }] } }));
    await bench().killOperator();
    await team.until("job", "preparing", ({ status }) => status?.prepare !== undefined);
    await bench().killOperator();
    await team.until("job", "prepared", ({ status }) => status?.pins !== undefined);
    await bench().killOperator();
    await team.untilTraining("job");
    await bench().killOperator();
    await team.until("job", "given an Adapter", ({ status }) => status?.promotedAdapterRef !== undefined);
    await bench().killOperator();
    await team.untilReady("job");
    const made = ["finetuneruns", "adapters", "jobs", "pods"].map((kind) => team.created(kind));
    assert.deepEqual(made, [1, 1, 3, 3]);
    assert.deepEqual(await attempts(team), ["Succeeded"]);
    assert.equal(await digest(team), await undisturbed());
  });
}

function podTests(bench: () => Bench, undisturbed: Undisturbed): void {
  test("after a suspension by a queue and an eviction of the pod the same Job resumes to the same bytes", async () => {
    const team = await bench().namespace("evicted");
    await team.apply(manifest("job", { training: long }));
    await team.untilTraining("job");
    // Suspends and resumes the Job like a queue.
    await suspendJob(team, true);
    const held = await team.until("job", "queued", ({ status }) => status?.state === "Queued");
    assert.match(condition(held, "Ready")?.message ?? "", /is suspended by a queue/);
    await team.kubectl("wait", "pods", "-l", "luthier.dev/stage=train", "--for=delete", "--timeout=120s");
    await suspendJob(team, false);
    await team.untilTraining("job");
    await team.evict((await trainingPod(team)).metadata.name);
    await team.untilReady("job");
    assert.equal(await resumes(team), 2);
    // A stop with a checkpoint (exit code 10) is not a failure; any other end would be one.
    assert.equal(await team.kubectl("get", "jobs", "-l", "luthier.dev/stage=train", "-o", failures), "");
    assert.deepEqual(await attempts(team), ["Succeeded"]);
    assert.equal(await digest(team), await undisturbed());
    assert.equal(team.created("jobs"), 2);
  });

  test("the operator repairs an emptied or falsified status, and the only trainer continues to the same bytes", async () => {
    const team = await bench().namespace("forgetful");
    await team.apply(manifest("job", { training: long }));
    await team.untilTraining("job");
    const { metadata, spec } = await team.run();
    const jobName = `${metadata.name}-1`;
    const pod = (await trainingPod(team)).metadata.name;
    const otherData = ({ status }: FineTuneJob) => {
      const pins = { ...status?.pins, datasetDigest: `sha256:${"0".repeat(64)}` };
      return { ...status, pins };
    };
    const lies: { of: "finetunejob" | "finetunerun"; is: (job: FineTuneJob) => object | undefined }[] = [
      { of: "finetunejob", is: () => undefined },
      { of: "finetunerun", is: () => undefined },
      { of: "finetunejob", is: () => liesOfJob },
      { of: "finetunejob", is: otherData },
      { of: "finetunerun", is: () => liesOfRun(metadata.name) },
    ];
    let job = await team.untilTraining("job");
    for (const [index, { of, is }] of lies.entries()) {
      await team.setStatus(of, of === "finetunejob" ? "job" : metadata.name, is(job));
      job = await team.until("job", `right again after lie ${index} of its ${of}`, ({ status }) => {
        const right = status?.state === "Training" && status.currentRunRef?.name === metadata.name;
        const pinned = status?.pins?.datasetDigest === spec.pins.datasetDigest;
        return right && pinned && status.promotedAdapterRef === undefined && status.progress?.steps !== "9/9";
      });
      await team.untilRun(metadata.name, "Training");
      const { status } = await team.run();
      assert.deepEqual(
        status?.attempts?.map((one) => one.jobName),
        [jobName],
      );
      assert.equal((await trainingPod(team)).metadata.name, pod);
    }
    await team.untilReady("job");
    assert.deepEqual([await attempts(team), await resumes(team)], [["Succeeded"], 0]);
    assert.equal(await digest(team), await undisturbed());
    const deleted = team.written().filter(({ verb, resource }) => verb === "delete" && resource === "jobs");
    assert.deepEqual([team.created("jobs"), team.created("pods"), deleted], [2, 2, []]);
  });

  test("a run that a foreign finalizer holds reports this, and its job waits for it", async () => {
    const team = await bench().namespace("held");
    await team.apply(manifest("job"));
    await team.untilReady("job");
    const { metadata } = await team.run();
    const finalizers = (names: string[]) => JSON.stringify({ metadata: { finalizers: names } });
    const patch = (names: string[]) =>
      team.kubectl("patch", "finetunerun", metadata.name, "--type=merge", "-p", finalizers(names));
    await patch(["example.com/hold"]);
    await team.kubectl("delete", "finetunerun", metadata.name, "--wait=false");
    await team.untilRun(metadata.name, "Deleting");
    assert.match(condition(await team.run(), "Ready")?.message ?? "", /is held by finalizer example\.com\/hold/);
    assert.equal(condition(await team.run(), "Succeeded")?.status, "True");
    await patch([]);
    await team.kubectl("wait", "--for=delete", "finetunerun", metadata.name, "--timeout=60s");
  });

  test("after SIGKILL in the middle of a training another attempt resumes to the same bytes", async () => {
    const team = await bench().namespace("killed");
    await team.apply(manifest("job", { training: long }));
    await team.untilTraining("job");
    await untilCheckpoint(team);
    killProcessesOf(await trainingPod(team));
    await team.untilReady("job");
    assert.deepEqual(await attempts(team), ["Failed 137 Killed", "Succeeded"]);
    assert.equal(await resumes(team), 1);
    assert.equal(await digest(team), await undisturbed());
    assert.equal(team.created("jobs"), 3);
  });
}

const lie = { status: "True" as const, reason: "Lie", message: "A lie.", lastTransitionTime: "2026-01-01T00:00:00Z" };

const liesOfJob = {
  state: "Ready",
  observedGeneration: 1,
  conditions: ["Ready", "Fits", "InputsResolved", "Told"].map((type) => ({ type, ...lie })),
  currentRunRef: { name: "run-0000000000000000", uid: "nobody", adapterName: "nothing" },
  promotedAdapterRef: { name: "nothing" },
  progress: { steps: "9/9", updatedAt: "2099-01-01T00:00:00Z" },
};

/** Claims a failure in an attempt that never existed. */
const liesOfRun = (name: string) => ({
  state: "Failed",
  conditions: [
    { type: "Ready", ...lie, status: "False" },
    { type: "Stalled", ...lie },
    { type: "Succeeded", ...lie, status: "False" },
  ],
  attempts: [
    {
      ...{ number: 7, jobName: `${name}-7`, jobUID: "nobody", outcome: "Failed" },
      ...{ startedAt: "2026-01-01T00:00:00Z", endedAt: "2026-01-01T00:01:00Z" },
    },
  ],
  progress: { phase: "Training", steps: "9/9", updatedAt: "2099-01-01T00:00:00Z" },
});

function suspendTests(bench: () => Bench, undisturbed: Undisturbed): void {
  let team: Team;

  test("suspend releases the resources after a checkpoint", async () => {
    team = await bench().namespace("suspended");
    const limits = { activeDeadlineSeconds: 3600 };
    await team.apply(manifest("job", { training: long, ...limits }));
    await team.untilTraining("job");
    assert.equal((await team.run()).spec.execution.activeDeadlineSeconds, 3600);
    await team.apply(manifest("job", { training: long, ...limits, suspend: true }));
    await team.until("job", "suspended", ({ status }) => status?.state === "Suspended");
    assert.deepEqual(await team.list("pods", "--field-selector=status.phase=Running"), []);
  });

  test("the run resumes from that checkpoint to the same bytes", async () => {
    await team.apply(manifest("job", { training: long }));
    await team.untilReady("job");
    assert.equal(await resumes(team), 1);
    assert.equal(await digest(team), await undisturbed());
  });

  test("a limit that is removed from the FineTuneJob is removed from its run", async () => {
    assert.equal((await team.run()).spec.execution.activeDeadlineSeconds, undefined);
  });
}

function replacedTests(bench: () => Bench, undisturbed: Undisturbed): void {
  const other = { ...long, learningRate: "2e-2" };
  let team: Team;
  let first: string;

  test("settings that are edited during a training and reverted resume the earlier run", async () => {
    team = await bench().namespace("changed");
    await team.apply(manifest("job", { training: long }));
    first = (await team.untilTraining("job")).status?.currentRunRef?.name ?? "";
    await team.apply(manifest("job", { training: other }));
    await team.untilRun(first, "Stopped");
    await team.apply(manifest("job", { training: long }));
    const back = ({ status }: FineTuneJob) => status?.currentRunRef?.name === first && status?.state === "Training";
    await team.until("job", "training as before", back);
  });

  test("a failed run is not retried automatically", async () => {
    await team.apply(manifest("job", { training: long, activeDeadlineSeconds: 1 }));
    await team.until("job", "observed", ({ metadata, status }) => status?.observedGeneration === metadata.generation);
    await team.kubectl("delete", "jobs", "-l", `luthier.dev/finetunerun=${first}`);
    const failure = await team.untilStalled("job");
    assert.deepEqual([failure.reason, /delete FineTuneRun/.test(failure.message)], ["DeadlineExceeded", true]);
    await team.apply(manifest("job", { training: long }));
    await team.until("job", "observed", ({ metadata, status }) => status?.observedGeneration === metadata.generation);
    assert.equal((await team.untilStalled("job")).reason, "DeadlineExceeded");
  });

  test("a failed run that is deleted resumes from its checkpoint to the same bytes", async () => {
    await team.kubectl("delete", "finetunerun", first);
    await team.untilReady("job");
    const run = (await team.runs()).find(({ metadata }) => metadata.name === first);
    assert.ok((run?.status?.results?.resumes ?? 0) >= 1);
    assert.equal(await digest(team), await undisturbed());
  });

  test("a namespace can be deleted during a training", async () => {
    await team.apply(manifest("job", { training: other }));
    await team.untilTraining("job");
    await bench().cluster.kubectl(["delete", "namespace", "changed", "--wait", "--timeout=170s"]);
  });
}

function editTests(bench: () => Bench): void {
  let team: Team;
  let first: FineTuneJob;

  test("an edit of a number's notation trains nothing", async () => {
    team = await bench().namespace("edits");
    await team.apply(manifest("job"));
    first = await team.untilReady("job");
    const training = { maxSteps: 20, batchTokens: 512, learningRate: "0.010", checkpoint: { everySteps: 7 } };
    await team.apply(manifest("job", { training }));
    await team.until("job", "observed", ({ status }) => status?.observedGeneration === 2);
    await team.untilReady("job");
    assert.equal(team.created("finetuneruns"), 1);
  });

  test("an edit of the exports reaches the Adapter and trains nothing", async () => {
    await team.apply(manifest("job", { adapter: { exports: [{ name: "merged", merged: {} }] } }));
    await team.until("job", "observed", ({ status }) => status?.observedGeneration === 3);
    await team.untilReady("job");
    assert.equal((await team.adapter()).status?.exports?.length, 1);
    assert.equal(team.created("finetuneruns"), 1);
  });

  test("an edit of the learning rate trains again without another prepare", async () => {
    await team.apply(manifest("job", { training: { maxSteps: 20, batchTokens: 512, learningRate: "2e-2" } }));
    await team.until("job", "another Adapter's", (job) => promoted(job) !== promoted(first));
    await team.untilReady("job");
    assert.deepEqual([team.created("finetuneruns"), team.created("adapters")], [2, 2]);
    const prepares = (await team.list("jobs")).filter(({ metadata }) => metadata.name.startsWith("job-prep-"));
    assert.equal(prepares.length, 1);
  });

  test("a reverted edit promotes the first Adapter again without a pod", async () => {
    const jobs = team.created("jobs");
    await team.apply(manifest("job"));
    await team.until("job", "the first Adapter's", (job) => promoted(job) === promoted(first));
    await team.untilReady("job");
    assert.equal(team.created("jobs"), jobs);
  });

  test("a refresh of unchanged inputs trains nothing", async () => {
    const before = [team.created("finetuneruns"), team.created("adapters")];
    await team.kubectl("annotate", "finetunejob", "job", "luthier.dev/requested-at=today");
    await team.until("job", "looked at", ({ status }) => status?.handledRequest === "today");
    await team.untilReady("job");
    assert.deepEqual([team.created("finetuneruns"), team.created("adapters")], before);
  });

  test("another FineTuneJob with the same settings gets its own Adapter on the same bytes", async () => {
    const runs = team.created("finetuneruns");
    await team.apply(manifest("twin"));
    const twin = await team.untilReady("twin");
    assert.equal(team.created("finetuneruns"), runs);
    const digestOf = (name: string | undefined, all: Adapter[]) =>
      all.find(({ metadata }) => metadata.name === name)?.spec.source.digest;
    const adapters = await team.adapters();
    assert.equal(digestOf(promoted(twin), adapters), digestOf(promoted(first), adapters));
    assert.notEqual(promoted(twin), promoted(first));
  });

  test("an Adapter that is not better is trained and settles, and the earlier one stays promoted", async () => {
    const dataset = { sources: [{ uri: "pvc://inputs/train.jsonl" }], validation: { fraction: "0.2" } };
    const judged = (training: object) => {
      const settings = { dataset: { ...dataset, maxSequenceLength: 128 }, training: { batchTokens: 512, ...training } };
      return manifest("judged", { ...settings, promotion: { policy: "IfBetter" } });
    };
    await team.apply(judged({ maxSteps: 20, learningRate: "1e-2" }));
    const better = await team.untilReady("judged");
    await team.apply(judged({ maxSteps: 1, learningRate: "1e-9" }));
    const kept = await team.until("judged", "not promoted", ({ status }) => status?.state === "NotPromoted");
    assert.deepEqual(
      [promoted(kept), condition(kept, "Ready")?.status, condition(kept, "Promoted")?.reason],
      [promoted(better), "True", "NotBetter"],
    );
    const names = (await team.adapters()).map(({ metadata }) => metadata.name);
    assert.equal(names.filter((name) => name.startsWith("judged-")).length, 2);
  });

  test("a chosen Adapter is promoted, and an unknown name is reported", async () => {
    const chosen = (await team.adapters()).find(
      ({ metadata }) => metadata.name.startsWith("job-") && metadata.name !== promoted(first),
    );
    const choose = (name: string) => manifest("job", { promotion: { adapterRef: { name } } });
    await team.apply(choose(chosen?.metadata.name ?? ""));
    await team.until("job", "the chosen Adapter's", (job) => promoted(job) === chosen?.metadata.name);
    await team.apply(choose("none"));
    assert.equal((await team.untilStalled("job")).reason, "AdapterNotFound");
  });
}
