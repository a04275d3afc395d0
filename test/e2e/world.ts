/** Wrong states of the world: the condition's message says what a person should do, and where that can be, it goes on then. */
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { USER_ID } from "../../images/base.ts";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { provideDirectory } from "../cluster/volume.ts";
import { type Bench, condition, long, manifest, type Team } from "./bench.ts";

const placement = { gpusPerNode: 0, resources: { limits: { memory: "1Gi" } } };
const short = { maxSteps: 2, batchTokens: 512 };

/** What keeps a pod from starting, and what the job says. */
const waiting: readonly { name: string; change: Record<string, unknown>; says: RegExp }[] = [
  {
    name: "no node with that label",
    change: { placement: { ...placement, nodeSelector: { disk: "none" } } },
    says: /No node accepts the pod: 0\/1 nodes are available.*lower placement\.resources, mend placement's selectors/,
  },
  {
    name: "a claim that is missing",
    change: { baseModel: { uri: "pvc://nowhere/model" } },
    says: /persistentvolumeclaim "nowhere" not found.*Create that claim in this namespace/,
  },
  {
    name: "a missing Secret",
    change: { baseModel: { uri: "s3://models/tiny", secretRef: { name: "models" } } },
    says: /"models" not found.*Create that Secret in this namespace/,
  },
  {
    name: "a missing PriorityClass",
    change: { placement: { ...placement, priorityClassName: "low" } },
    says: /no PriorityClass with name low.*Create that PriorityClass/,
  },
  {
    name: "a missing RuntimeClass",
    change: { placement: { ...placement, runtimeClassName: "kata" } },
    says: /RuntimeClass.*kata.*Create that RuntimeClass/,
  },
  {
    name: "a missing ServiceAccount",
    change: { placement: { ...placement, serviceAccountName: "nobody" } },
    says: /serviceaccount "nobody" not found.*Create that ServiceAccount/,
  },
];

export function worldTests(bench: () => Bench): void {
  let team: Team;

  test("a namespace", async () => {
    team = await bench().namespace("world");
  });

  describe("is told", { concurrency: 8 }, () => {
    for (const [index, { name, change, says }] of waiting.entries()) {
      test(name, () => untilSays(team, `waiting-${index}`, manifest(`waiting-${index}`, change), says));
    }

    test("a quota that leaves no room for a pod", async () => {
      const small = await bench().namespace("small");
      const hard = "--hard=pods=0";
      await small.kubectl("create", "quota", "none", hard);
      await untilSays(small, "job", manifest("job"), /exceeded quota: none.*Raise the namespace's quota/);
    });

    test("a store that is full; with room it goes on by itself", async () => {
      await fullStore(bench(), team);
      const job = manifest("full", { training: { ...short, seed: 7 }, artifacts: { uri: "pvc://full" } });
      await untilSays(team, "full", job, /another pod retries: StoreFull:.*Free space on the store's volume/);
      await bench().cluster.onNode("mount", "-o", "remount,size=200m", path.join(bench().directory, "full"));
      await team.untilReady("full");
    });

    test("a Job of another that has the name of the training's; deleted, the training starts by itself", async () => {
      await team.apply(manifest("first", { training: short }));
      const run = (await team.untilReady("first")).status?.currentRunRef?.name;
      const taken = await bench().namespace("taken");
      await taken.apply(foreignJob(`${run}-1`));
      const says = /Job run-\w+-1 exists and does not belong to this run.*delete it \(kubectl delete job run-\w+-1\)/;
      await untilSays(taken, "first", manifest("first", { training: short }), says);
      await taken.kubectl("delete", "job", `${run}-1`);
      await taken.untilReady("first");
    });

    test("a helper that runs out of memory; with a higher limit it is tried again by itself", async () => {
      const limited = (memory: string, change: object = {}) =>
        manifest("cramped", {
          training: { ...short, seed: 9 },
          helpers: { resources: { limits: { memory } } },
          ...change,
        });
      const says = /Raise helpers\.resources\.limits\.memory; the operator then (reads them|exports) again\.$/;
      const untilTold = async (change: object) => {
        await team.apply(limited("48Mi", change));
        const told = (one: FineTuneJob) => says.test(condition(one, "Stalled")?.message ?? "");
        const job = await team.until("cramped", "out of memory", told);
        assert.equal(condition(job, "Ready")?.reason, "HostMemoryExceeded");
      };
      await untilTold({});
      await team.apply(limited("1Gi"));
      await team.untilReady("cramped");
      const adapter = { exports: [{ name: "merged", merged: {} }] };
      await untilTold({ adapter });
      await team.apply(limited("1Gi", { adapter }));
      await team.until(
        "cramped",
        "observed",
        ({ metadata, status }) => status?.observedGeneration === metadata.generation,
      );
      await team.untilReady("cramped");
    });

    test("an image that cannot be pulled", async () => {
      await team.apply(manifest("imageless", { training: short }));
      const { status } = await team.untilReady("imageless");
      const image = JSON.stringify({ spec: { execution: { trainerImage: "localhost/luthier-trainer:none" } } });
      await team.kubectl("patch", "adapter", status?.promotedAdapterRef?.name ?? "", "--type=merge", "-p", image);
      const adapter = { exports: [{ name: "merged", merged: {} }] };
      const says = /luthier-trainer:none.*Mend the chart's images\.trainer/;
      await untilSays(team, "imageless", manifest("imageless", { training: short, adapter }), says);
    });
  });
}

/** It waits for nothing: it is there. */
const foreignJob = (name: string) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name },
  spec: {
    suspend: true,
    template: { spec: { restartPolicy: "Never", containers: [{ name: "other", image: "localhost/other:none" }] } },
  },
});

/** While its node is silent no pod begins or ends; those that compute go on. */
export function silentNodeTests(bench: () => Bench): void {
  test("a node that does not answer is named; when it answers again, the training is seen again", async () => {
    const team = await bench().namespace("silent");
    // Half a core, since it trains for as long as this takes and others want to get on.
    const limits = { gpusPerNode: 0, resources: { limits: { memory: "1Gi", cpu: "500m" } } };
    await team.apply(manifest("silent", { training: { ...long, maxSteps: 100_000 }, placement: limits }));
    await team.untilTraining("silent");
    bench().cluster.pause("kubelet");
    try {
      await untilSaid(team, "silent", /Node \S+ does not respond.*kubectl delete node/);
    } finally {
      bench().cluster.resume("kubelet");
    }
    await team.untilTraining("silent");
    await team.kubectl("delete", "finetunejob", "silent");
  });
}

async function untilSays(team: Team, name: string, job: object, says: RegExp): Promise<void> {
  await team.apply(job);
  await untilSaid(team, name, says);
}

async function untilSaid(team: Team, name: string, says: RegExp): Promise<void> {
  const found = await team.until(name, `saying ${says}`, (one) => says.test(condition(one, "Ready")?.message ?? ""));
  // It is waited for: nothing has failed.
  assert.equal(condition(found, "Stalled"), undefined);
}

/** The claim `full`: 64 KiB of memory, which the cluster takes with it. */
async function fullStore({ cluster, directory }: Bench, team: Team): Promise<void> {
  const full = path.join(directory, "full");
  await provideDirectory(cluster, { namespace: team.name, claim: "full", directory: full });
  const options = `size=64k,uid=${USER_ID},gid=${USER_ID}`;
  await cluster.onNode("mount", "-t", "tmpfs", "-o", options, "tmpfs", full);
}
