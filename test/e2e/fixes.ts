/**
 * Tests the printed fixes: a problem blocks a job, its condition names a fix, the test applies only that fix, and the job
 * continues. docs/corner-cases.md has a row for each message, including those that a cluster of one node cannot cause.
 */
import assert from "node:assert/strict";
import { cpSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { imageValues, upgrade } from "../../demo/install.ts";
import { USER_ID } from "../../images/base.ts";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { provideDirectory } from "../cluster/volume.ts";
import { type Bench, condition, manifest, type Team } from "./bench.ts";

type Change = Record<string, unknown>;

const limits = { limits: { memory: "1Gi" } };
const placed = (change: Change) => ({ placement: { gpusPerNode: 0, resources: limits, ...change } });
const nowhere = { disk: "none" };
const huge = { requests: { memory: "900Gi" } };
const training = { maxSteps: 2, batchTokens: 512 };

const pinned = ({ status }: FineTuneJob) => status?.pins !== undefined;
const trained = ({ status }: FineTuneJob) => status?.promotedAdapterRef !== undefined;
/** Its pod tries to read the inputs, whether or not they are reachable. */
const reads = (job: FineTuneJob) => /^Reading the base model/.test(condition(job, "Ready")?.message ?? "");

interface Fix {
  name: string;
  /** The problem that blocks the job. */
  wrong: Change;
  reports: RegExp;
  /** The fix: a change of the spec or of the cluster. */
  right: Change | ((team: Team, bench: Bench) => Promise<unknown>);
  /** The job stalls instead of only waiting. */
  stalls?: boolean;
  /** Shows that the job continues; usually because the inputs are pinned. */
  continues?: (job: FineTuneJob) => boolean;
}

const s3 = (name: string) => ({
  baseModel: { uri: "s3://models/tiny", endpoint: "http://192.0.2.1:9", secretRef: { name } },
});
const object =
  (apiVersion: string, kind: string, name: string, rest: Change = {}) =>
  (team: Team) =>
    team.apply({ apiVersion, kind, metadata: { name }, ...rest });
const noSelector = /No node accepts the pod: 0\/1 nodes are available.*fix the selectors, affinity and tolerations of/;

/** One message and its fix; `name` describes the problem and the fix. */
const fixes: readonly Fix[] = [
  {
    name: "no node with that label: the selector is fixed",
    wrong: placed({ nodeSelector: nowhere }),
    reports: noSelector,
    right: placed({}),
  },
  {
    name: "no node with that label for the training: the selector is fixed",
    wrong: { ...placed({ nodeSelector: nowhere }), helpers: { nodeSelector: {} } },
    reports: /of placement, or add a node/,
    right: placed({}),
    continues: trained,
  },
  {
    name: "no node with that label: a node gets it",
    wrong: placed({ nodeSelector: { room: "later" } }),
    reports: noSelector,
    right: (_, { cluster }) => cluster.kubectl(["label", "nodes", "--all", "room=later"]),
  },
  {
    name: "no node with as much memory: placement.resources is lowered",
    wrong: placed({ resources: huge }),
    reports: /Insufficient memory.*lower placement\.resources/,
    right: placed({}),
    continues: trained,
  },
  {
    name: "no node with as much memory for reading the inputs: helpers.resources is lowered",
    wrong: { helpers: { resources: huge } },
    reports: /Insufficient memory.*lower helpers\.resources/,
    right: {},
  },
  {
    name: "a claim that is missing: it is created",
    wrong: { baseModel: { uri: "pvc://later/model" } },
    reports: /persistentvolumeclaim "later" not found.*Create that claim in this namespace/,
    right: ({ name }, { cluster, directory }) => {
      const inputs = path.join(directory, "later");
      cpSync(path.join(directory, "inputs"), inputs, { recursive: true });
      return provideDirectory(cluster, { namespace: name, claim: "later", directory: inputs });
    },
  },
  {
    name: "a claim that is missing: the URI is fixed",
    wrong: { baseModel: { uri: "pvc://nowhere/model" } },
    reports: /persistentvolumeclaim "nowhere" not found.*or fix the URI/,
    right: {},
  },
  {
    name: "a Secret that is missing: it is created",
    wrong: s3("models"),
    reports: /"models" not found.*Create that Secret in this namespace/,
    right: object("v1", "Secret", "models", { stringData: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" } }),
    continues: reads,
  },
  {
    name: "a key that is missing in a Secret: it is added",
    wrong: s3("half"),
    reports: /non-existent secret key: AWS_SECRET_ACCESS_KEY.*Add that key to the Secret/,
    right: object("v1", "Secret", "half", { stringData: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" } }),
    continues: reads,
  },
  {
    name: "a PriorityClass that is missing: it is created",
    wrong: placed({ priorityClassName: "low" }),
    reports: /no PriorityClass with name low.*Create that PriorityClass/,
    right: object("scheduling.k8s.io/v1", "PriorityClass", "low", { value: -1 }),
  },
  {
    name: "a PriorityClass that is missing: it is left out",
    wrong: placed({ priorityClassName: "none" }),
    reports: /no PriorityClass with name none.*remove placement\.priorityClassName/,
    right: placed({}),
  },
  {
    name: "a RuntimeClass that is missing: it is created",
    wrong: placed({ runtimeClassName: "plain" }),
    reports: /RuntimeClass.*plain.*Create that RuntimeClass/,
    right: object("node.k8s.io/v1", "RuntimeClass", "plain", { handler: "runc" }),
  },
  {
    name: "a RuntimeClass that is missing: it is left out",
    wrong: placed({ runtimeClassName: "kata" }),
    reports: /RuntimeClass.*kata.*remove placement\.runtimeClassName/,
    right: placed({}),
  },
  {
    name: "a ServiceAccount that is missing: it is created",
    wrong: placed({ serviceAccountName: "trainer" }),
    reports: /serviceaccount "trainer" not found.*Create that ServiceAccount/,
    right: object("v1", "ServiceAccount", "trainer"),
  },
  {
    name: "a ServiceAccount that is missing: it is left out",
    wrong: placed({ serviceAccountName: "nobody" }),
    reports: /serviceaccount "nobody" not found.*remove placement\.serviceAccountName/,
    right: placed({}),
  },
  {
    name: "a limit that the run does not fit into: it is raised",
    wrong: placed({ resources: { limits: { memory: "100Mi" } } }),
    reports:
      /needs .* 100 MiB are available \(placement\.resources\.limits\.memory\).*Raise placement\.resources\.limits\.memory/,
    right: placed({}),
    stalls: true,
    continues: trained,
  },
  {
    name: "a store that is full: room is made",
    wrong: { artifacts: { uri: "pvc://full" } },
    reports: /StoreFull:.*Free space on the store's volume/,
    right: (_, { cluster, directory }) =>
      cluster.onNode("mount", "-o", "remount,size=200m", path.join(directory, "full")),
  },
  {
    name: "bad data: the spec is changed",
    wrong: { dataset: { sources: [{ uri: "pvc://inputs/none.jsonl" }], maxSequenceLength: 128 } },
    reports: /none\.jsonl.*and change the spec/,
    stalls: true,
    right: {},
  },
];

export function fixTests(bench: () => Bench): void {
  let team: Team;

  test("the namespace of the fixes is created", async () => {
    team = await bench().namespace("ways-out");
    await fullStore(bench(), team);
    await object("v1", "Secret", "half", { stringData: { AWS_ACCESS_KEY_ID: "a" } })(team);
  });

  describe("a condition names the fix, and the job continues after it", { concurrency: 6 }, () => {
    for (const [index, { name, wrong, reports, right, stalls = false, continues = pinned }] of fixes.entries()) {
      test(name, async () => {
        const job = `job-${index}`;
        // Each has its own run.
        const settings = { training: { ...training, seed: index } };
        await team.apply(manifest(job, { ...settings, ...wrong }));
        const reported = await untilReported(team, job, reports);
        assert.equal(condition(reported, "Stalled") !== undefined, stalls);
        if (typeof right === "function") await right(team, bench());
        else await team.apply(manifest(job, { ...settings, ...right }));
        await team.until(job, "continuing", continues);
        await team.kubectl("delete", "finetunejob", job, "--wait=false");
      });
    }

    test("a job blocked by a quota continues when the quota is raised", async () => {
      const small = await bench().namespace("small");
      await small.kubectl("create", "quota", "none", "--hard=pods=0");
      await small.apply(manifest("job", { training }));
      await untilReported(small, "job", /exceeded quota: none.*Raise the namespace's quota/);
      await small.kubectl("delete", "quota", "none");
      await small.until("job", "continuing", pinned);
      await small.kubectl("delete", "finetunejob", "job", "--wait=false");
    });

    test("a job blocked by a quota of memory continues when the requested resources are set, then lowered", async () => {
      const frugal = await bench().namespace("frugal");
      await frugal.kubectl("create", "quota", "memory", "--hard=limits.memory=700Mi");
      const helpers = { resources: { limits: { memory: "650Mi" } } };
      await stepByStep(frugal, [
        {
          change: {},
          reports:
            /must specify limits\.memory.*Set in helpers\.resources the values that the namespace's quota requires/,
        },
        { change: { helpers }, reports: /exceeded quota: memory.*or lower placement\.resources/ },
        { change: { helpers, ...placed({ resources: { limits: { memory: "650Mi" } } }) } },
      ]);
    });

    test("the message names a LimitRange's default, and the pods respect its bounds", async () => {
      const ranged = await bench().namespace("ranged");
      const bounds = { type: "Container", default: { memory: "100Mi" }, max: { memory: "700Mi" } };
      await object("v1", "LimitRange", "small", { spec: { limits: [bounds] } })(ranged);
      const helpers = { resources: { limits: { memory: "650Mi" } } };
      await stepByStep(ranged, [
        {
          change: placed({ resources: undefined }),
          reports: /less than or equal to memory limit of 100Mi.*Set requests and limits in helpers\.resources/,
        },
        {
          change: { ...placed({ resources: undefined }), helpers },
          reports:
            /100 MiB are available \(the default limit of LimitRange small\).*Set placement\.resources\.limits\.memory/,
        },
        {
          change: { ...placed({}), helpers },
          reports:
            /maximum memory usage per Container is 700Mi.*Set placement\.resources to what the namespace's LimitRange allows/,
        },
        { change: { ...placed({ resources: { limits: { memory: "650Mi" } } }), helpers } },
      ]);
    });

    test("a training starts automatically once a foreign Job with its name is deleted", async () => {
      await team.apply(manifest("named", { training: { ...training, seed: 101 } }));
      const run = (await team.untilReady("named")).status?.currentRunRef?.name;
      const taken = await bench().namespace("taken");
      await taken.apply(foreignJob(`${run}-1`));
      await taken.apply(manifest("named", { training: { ...training, seed: 101 } }));
      const reports =
        /Job run-\w+-1 exists and does not belong to this run.*delete it \(kubectl delete job run-\w+-1\)/;
      await untilReported(taken, "named", reports);
      await taken.kubectl("delete", "job", `${run}-1`);
      await taken.untilReady("named");
    });

    test("a helper that runs out of memory is retried automatically with a higher limit", async () => {
      const limited = (memory: string, change: Change = {}) =>
        manifest("cramped", {
          training: { ...training, seed: 102 },
          helpers: { resources: { limits: { memory } } },
          ...change,
        });
      const reports = /Raise helpers\.resources\.limits\.memory; the operator then (reads them|exports) again\.$/;
      const untilTold = async (change: Change) => {
        await team.apply(limited("48Mi", change));
        const job = await untilReported(team, "cramped", reports);
        assert.equal(condition(job, "Ready")?.reason, "HostMemoryExceeded");
      };
      await untilTold({});
      await team.apply(limited("1Gi"));
      await team.untilReady("cramped");
      const adapter = { exports: [merged("merged", "BF16")] };
      await untilTold({ adapter });
      await team.apply(limited("1Gi", { adapter }));
      await team.until("cramped", "observed", isObserved);
      await team.untilReady("cramped");
    });

    test("one job recovers from problems of its store and its exports", () => oneLife(bench()));

    test("a run trained in another store is found when the store is set to that one", async () => {
      await team.apply(manifest("first", { training: { ...training, seed: 100 } }));
      await team.until("first", "trained", trained);
      const elsewhere = { training: { ...training, seed: 100 }, artifacts: { uri: "pvc://store/elsewhere" } };
      await team.apply(manifest("second", elsewhere));
      await untilReported(
        team,
        "second",
        /trains the same settings with artifacts under pvc:\/\/store\/.*Set spec\.artifacts\.uri/,
      );
      await team.apply(manifest("second", { training: { ...training, seed: 100 } }));
      await team.until("second", "trained", trained);
    });
  });
}

/** Applies one change after another: each message names the next fix, and after the last one the job has an Adapter. */
async function stepByStep(team: Team, steps: readonly { change: Change; reports?: RegExp }[]): Promise<void> {
  for (const { change, reports } of steps) {
    await team.apply(manifest("job", { training, ...change }));
    if (reports) await untilReported(team, "job", reports);
  }
  await team.until("job", "trained", trained);
  await team.kubectl("delete", "finetunejob", "job", "--wait=false");
}

const merged = (name: string, dtype: string) => ({ name, merged: { dtype } });

/** Staged inputs are lost before the training; an export finds no node; the adapter is lost and restored; another is chosen. */
async function oneLife(bench: Bench): Promise<void> {
  const team = await bench.namespace("one-life");
  const wish = (change: Change) => team.apply(manifest("job", { training, ...change }));
  const here = (uri: string) => path.join(team.store, uri.replace("pvc://store/", ""));
  const ask = (kind: string, name: string) =>
    team.kubectl("annotate", "--overwrite", kind, name, `luthier.dev/requested-at=${Date.now()}`);

  await wish({ ...placed({ nodeSelector: nowhere }), helpers: { nodeSelector: {} } });
  await untilReported(team, "job", noSelector);
  rmSync(path.join(team.store, team.name, "objects"), { recursive: true });
  await wish({});
  await untilReported(
    team,
    "job",
    /To stage the inputs again, annotate: luthier\.dev\/requested-at=.*then delete FineTuneRun/,
  );
  await ask("finetunejob", "job");
  await team.kubectl("delete", "finetunerun", (await team.run()).metadata.name);
  await team.untilReady("job");
  assert.equal(team.created("adapters"), 1);

  const first = { exports: [merged("first", "BF16")] };
  await wish({ adapter: first, helpers: { resources: huge } });
  await untilReported(team, "job", /Export first: .*Insufficient memory.*lower helpers\.resources/);
  await wish({ adapter: first });
  await team.untilReady("job");

  const { metadata, spec } = await team.adapter();
  const adapter = here(spec.source.uri);
  renameSync(adapter, `${adapter}.away`);
  const second = { exports: [...first.exports, merged("second", "F32")] };
  await wish({ adapter: second });
  await untilReported(team, "job", /restore the files and annotate this Adapter/);
  renameSync(`${adapter}.away`, adapter);
  await ask("adapter", metadata.name);
  await team.untilReady("job");
  assert.deepEqual(
    (await team.adapter()).status?.exports?.map(({ state }) => state),
    ["Ready", "Ready"],
  );

  // Omitted fields of an entry get their defaults again.
  const plain = { exports: [{ name: "first", merged: {} }, second.exports[1]] };
  await wish({ adapter: plain });
  await team.until("job", "edited", isObserved);
  await team.untilReady("job");
  assert.deepEqual((await team.adapter()).spec.exports, plain.exports);

  await wish({ adapter: second, promotion: { adapterRef: { name: "none" } } });
  await untilReported(team, "job", new RegExp(`has no Adapter none\\. It has: ${metadata.name}`));
  await wish({ adapter: second, promotion: { adapterRef: { name: metadata.name } } });
  await team.untilReady("job");
  assert.deepEqual([team.created("finetuneruns"), team.created("adapters")], [2, 1]);
}

/**
 * The chart names an image that cannot be pulled, while one job reads its inputs, one waits to train and one exports. Once the
 * image is fixed, all of them continue, and none trains twice. This changes the whole operator, so nothing runs in parallel.
 */
export function imageTests(bench: () => Bench): void {
  const waits = { ...placed({ nodeSelector: nowhere }), helpers: { nodeSelector: {} } };
  const exports = { exports: [merged("merged", "BF16")] };
  const reports = /luthier-trainer:none.*Fix the chart's images\.trainer/;
  const named = (name: string) => upgrade(bench().cluster, imageValues("trainer", name), "--reuse-values");
  const settings = (seed: number) => ({ training: { ...training, seed } });
  let team: Team;

  test("an image that cannot be pulled is reported at all three stages", async () => {
    team = await bench().namespace("images");
    await team.apply(manifest("exporting", settings(1)));
    await team.apply(manifest("training", { ...settings(2), ...waits }));
    await untilReported(team, "training", noSelector);
    await team.untilReady("exporting");
    await named("localhost/luthier-trainer:none");
    await team.apply(manifest("preparing", settings(3)));
    await team.apply(manifest("training", settings(2)));
    await team.apply(manifest("exporting", { ...settings(1), adapter: exports }));
    await Promise.all(["preparing", "training", "exporting"].map((job) => untilReported(team, job, reports)));
  });

  test("once the image is fixed, each job continues, and nothing trains twice", async () => {
    await named(bench().trainerImage);
    await Promise.all(["preparing", "training", "exporting"].map((job) => team.untilReady(job)));
    for (const { status } of await team.runs()) {
      const outcomes = status?.attempts?.map(({ outcome, reason }) => `${outcome} ${reason}`) ?? [];
      assert.deepEqual(
        outcomes.filter((outcome) => outcome !== "Stopped Replaced"),
        ["Succeeded Completed"],
      );
      assert.equal(status?.attempts?.at(-1)?.trainerImage, bench().trainerImage);
    }
    const replaced = (await team.runs()).flatMap(({ status }) => status?.attempts ?? []);
    assert.ok(replaced.some(({ reason, trainerImage }) => reason === "Replaced" && /:none$/.test(trainerImage ?? "")));
    const images = (await team.adapters()).map(({ spec }) => spec.provenance.trainerImage);
    assert.deepEqual([...new Set(images)], [bench().trainerImage]);
  });
}

const isObserved = ({ metadata, status }: FineTuneJob) => status?.observedGeneration === metadata.generation;

/** A Job that only exists, without waiting. */
const foreignJob = (name: string) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name },
  spec: {
    suspend: true,
    template: { spec: { restartPolicy: "Never", containers: [{ name: "other", image: "localhost/other:none" }] } },
  },
});

async function untilReported(team: Team, name: string, reports: RegExp): Promise<FineTuneJob> {
  return await team.until(name, `reporting ${reports}`, (one) => reports.test(condition(one, "Ready")?.message ?? ""));
}

/** The claim `full`: 64 KiB of memory, removed with the cluster. */
async function fullStore({ cluster, directory }: Bench, team: Team): Promise<void> {
  const full = path.join(directory, "full");
  await provideDirectory(cluster, { namespace: team.name, claim: "full", directory: full });
  const options = `size=64k,uid=${USER_ID},gid=${USER_ID}`;
  await cluster.onNode("mount", "-t", "tmpfs", "-o", options, "tmpfs", full);
}
