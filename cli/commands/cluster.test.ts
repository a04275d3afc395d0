/**
 * The commands about trainings of a cluster, against a server that holds a job, its run, its Adapter and a pod. The end-to-end
 * tests run them against the real API server (test/e2e/plugin.ts); here are the cases that need another state.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { anAdapter, aPinnedJob, aPod, aRun, succeeded } from "../../operator/testing/builders.ts";
import { readArguments, UsageError } from "../../terminal/arguments.ts";
import type { Command } from "../../terminal/command.ts";
import { createScreen } from "../../terminal/screen.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { compareCommand } from "./compare.ts";
import { diffCommand } from "./diff.ts";
import { historyCommand } from "./history.ts";
import { logsCommand } from "./logs.ts";
import { plotCommand } from "./plot.ts";
import { promoteCommand, rollbackCommand } from "./promote.ts";
import { retryCommand } from "./retry.ts";

const curves = [
  { name: "Loss" as const, points: "1:3 2:2 3:1" },
  { name: "GradientNorm" as const, points: "1:0.5 2:0.25 3:0.1" },
];
const owned = (name: string) => [{ apiVersion: "luthier.dev/v1alpha1", kind: "FineTuneJob", name, uid: "job-uid" }];

/** The objects of a namespace: the job `bot` with two revisions, of which the first is promoted. */
function aNamespace() {
  const edited = { ...aPinnedJob().spec, training: { learningRate: "5e-5" } };
  const made = [aPinnedJob(), aPinnedJob(edited)].map((job, index) => {
    const run = succeeded(aRun(job));
    const { results } = run.status ?? {};
    const withCurves = { ...run, status: { ...run.status, state: "Succeeded", results: { ...results!, curves } } };
    const adapter = anAdapter(job, run, { promotedAt: `2026-01-0${index + 1}T00:00:00Z` });
    return {
      run: { ...withCurves, metadata: { ...run.metadata, ownerReferences: owned("bot") } },
      adapter: {
        ...adapter,
        spec: { ...adapter.spec, revision: index + 1, results: { ...adapter.spec.results!, curves } },
      },
    };
  });
  const [first, second] = made;
  const [old, now] = [first!.adapter.metadata.name, second!.adapter.metadata.name];
  const job = aPinnedJob(edited);
  const ref = { name: second!.run.metadata.name, uid: "run-uid", adapterName: now };
  const status = { ...job.status, observedGeneration: 1, currentRunRef: ref, promotedAdapterRef: { name: now } };
  const labels = { "luthier.dev/finetunerun": ref.name, "luthier.dev/stage": "train" };
  const pod = aPod({ exitCode: 0 });
  const pods = [{ ...pod, metadata: { ...pod.metadata, name: "train-1", labels } }];
  return {
    old,
    now,
    runs: made.map(({ run }) => run.metadata.name),
    objects: {
      finetunejobs: [{ ...job, status }],
      finetuneruns: made.map(({ run }) => run),
      adapters: made.map(({ adapter }) => adapter),
      pods,
    },
  };
}

type Namespace = ReturnType<typeof aNamespace>;
interface Stored {
  metadata: { name: string };
}

interface Written {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Runs commands against a server with the objects of `namespace`. */
async function cluster(t: TestContext, { objects }: Namespace) {
  const written: Written[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://server");
    const [, plural = "", name, part] = /namespaces\/team\/(\w+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(pathname) ?? [];
    const body = await text(request);
    if (request.method !== "GET") {
      written.push({ method: request.method ?? "", path: `${plural}/${name}`, body: JSON.parse(body) });
    }
    const all: readonly Stored[] = Object.entries(objects).find(([kind]) => kind === plural)?.[1] ?? [];
    const one = all.find(({ metadata }) => metadata.name === name);
    if (part === "log") return response.end('loading\n{"phase":"Training"}\n');
    const answer = name === undefined ? { kind: "List", metadata: {}, items: all } : one;
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    return response.end(JSON.stringify(answer ?? { kind: "Status", reason: "NotFound", message: "not found" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const directory = await temporaryDirectory(t);
  const kubeconfig = `${directory}/kubeconfig`;
  const named = (key: string, value: object) => [{ name: "c", [key]: value }];
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "c" },
    clusters: named("cluster", { server: `http://127.0.0.1:${address.port}`, "insecure-skip-tls-verify": true }),
    users: named("user", { token: "secret" }),
    contexts: named("context", { cluster: "c", user: "c", namespace: "team" }),
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const run = async (command: Command, ...argv: string[]) => {
    let [stdout, stderr] = ["", ""];
    const screen = createScreen({ write: (words: string) => (stderr += words) });
    const write = (words: string) => (stdout += words);
    const args = readArguments(command.usage, [...argv, "--kubeconfig", kubeconfig]);
    const code = await command.run(args, { screen, write, signal: new AbortController().signal });
    return { code, stdout, stderr };
  };
  return { run, written, directory };
}

test("plot draws the kept curves of a job and of an Adapter, and names the curves that there are", async (t) => {
  const namespace = aNamespace();
  const { run } = await cluster(t, namespace);
  assert.match((await run(plotCommand, "bot")).stdout, /● Loss {2}3\.000 → 1\.000/);
  const both = await run(plotCommand, "bot", `adapter/${namespace.old}`, "--curve", "GradientNorm");
  assert.match(both.stdout, new RegExp(`● bot GradientNorm.*\\n.*○ adapter/${namespace.old} GradientNorm`));
  await assert.rejects(run(plotCommand, "bot", "--curve", "RewardAccuracy"), /there is only Loss, GradientNorm/);
  await assert.rejects(run(plotCommand, "bot", "--curve", "Lost"), /--curve is one of Loss, /);
  await assert.rejects(run(plotCommand, "nobody"), /no FineTuneJob, Adapter or FineTuneRun nobody in namespace team/);
  await assert.rejects(run(plotCommand, "pod/x"), /write NAME, job\/NAME, adapter\/NAME, run\/NAME/);
});

test("plot draws the curves of a run on this machine", async (t) => {
  const { run, directory } = await cluster(t, aNamespace());
  const step = { phase: "Training", done: 1, total: 2, unit: "steps", time: "2026-01-01T00:00:00Z", loss: 2 };
  writeFileSync(`${directory}/metrics.jsonl`, `${JSON.stringify(step)}\n${JSON.stringify({ ...step, done: 2 })}\n`);
  assert.match((await run(plotCommand, directory)).stdout, /● Loss {2}2\.000 → 2\.000/);
});

test("compare shows only the settings that differ", async (t) => {
  const { old } = aNamespace();
  const { run } = await cluster(t, aNamespace());
  const { stdout } = await run(compareCommand, "bot", `adapter/${old}`);
  assert.match(stdout, /^training\.learningRate +5e-5 +\S+$/m);
  assert.equal(stdout.match(/^(method|dataset|training|inputs)\S* /gm)?.length, 1);
  await assert.rejects(run(compareCommand, "bot", "bot"), /each NAME once/);
});

test("history lists the revisions and marks the promoted one", async (t) => {
  const namespace = aNamespace();
  const { run } = await cluster(t, namespace);
  const { stdout } = await run(historyCommand, "bot");
  assert.match(stdout, new RegExp(`^\\* +2 +${namespace.now} .*\\n +1 +${namespace.old} `, "m"));
});

test("diff explains an edit back to settings that were trained", async (t) => {
  const namespace = aNamespace();
  const { run, directory } = await cluster(t, namespace);
  const { apiVersion, kind, metadata, spec } = aPinnedJob();
  const file = `${directory}/bot.yaml`;
  writeFileSync(file, stringify({ apiVersion, kind, metadata: { name: metadata.name }, spec }));
  const { stdout } = await run(diffCommand, file);
  assert.match(stdout, /^spec\.training\.learningRate +5e-5 +\S+ +trains$/m);
  assert.match(stdout, new RegExp(`takes Adapter ${namespace.old} without a pod`));
});

test("rollback promotes the Adapter before, and promote --release removes the choice", async (t) => {
  const { old, now, objects, ...rest } = aNamespace();
  const { run, written } = await cluster(t, { old, now, objects, ...rest });
  await run(rollbackCommand, "bot");
  await run(promoteCommand, "bot");
  await run(promoteCommand, "bot", "--release");
  assert.deepEqual(
    written.map(({ method, path, body }) => [method, path, body]),
    [{ adapterRef: { name: old } }, { adapterRef: { name: now } }, null].map((promotion) => [
      ...["PATCH", "finetunejobs/bot"],
      { spec: { promotion } },
    ]),
  );
});

test("a job that Argo CD owns is not written: the YAML is printed", async (t) => {
  const namespace = aNamespace();
  const [job] = namespace.objects.finetunejobs;
  const marked = { ...job!.metadata, annotations: { "argocd.argoproj.io/tracking-id": "apps:luthier.dev/x" } };
  const objects = { ...namespace.objects, finetunejobs: [{ ...job!, metadata: marked }] };
  const { run, written } = await cluster(t, { ...namespace, objects });
  const { stdout, stderr } = await run(rollbackCommand, "bot");
  assert.match(stderr, /Argo CD owns bot and would undo a change in the cluster/);
  assert.match(stdout, new RegExp(`adapterRef:\\n +name: ${namespace.old}\\n$`));
  assert.deepEqual(written, []);
});

test("retry deletes the failed run of a stalled job, and refuses one that works", async (t) => {
  const namespace = aNamespace();
  const idle = await cluster(t, namespace);
  await assert.rejects(
    idle.run(retryCommand, "bot"),
    (error) => error instanceof UsageError && /not stalled/.test(error.message),
  );
  const condition = (type: string, status: "True" | "False") => ({
    ...{ type, status, reason: "Diverged", message: "Because.", lastTransitionTime: "2026-01-01T00:00:00Z" },
  });
  const [job] = namespace.objects.finetunejobs;
  const stalled = { ...job!, status: { ...job!.status, conditions: [condition("Stalled", "True")] } };
  const finetuneruns = namespace.objects.finetuneruns.map((one) => ({
    ...one,
    status: { ...one.status, conditions: [condition("Succeeded", "False")] },
  }));
  const objects = { ...namespace.objects, finetunejobs: [stalled], finetuneruns };
  const { run, written } = await cluster(t, { ...namespace, objects });
  const name = namespace.runs[1];
  assert.equal(
    (await run(retryCommand, "bot")).stdout,
    `bot: ${name} is deleted; the operator starts it anew, from its last checkpoint\n`,
  );
  assert.deepEqual(
    written.map(({ method, path }) => [method, path]),
    [["DELETE", `finetuneruns/${name}`]],
  );
});

test("logs prints the newest pod's log, and says when a stage has no pod", async (t) => {
  const { run } = await cluster(t, aNamespace());
  const { stdout, stderr } = await run(logsCommand, "bot");
  assert.deepEqual([stdout, stderr], ['loading\n{"phase":"Training"}\n', "pod train-1\n"]);
  await assert.rejects(run(logsCommand, "bot", "--stage", "nothing"), /--stage is .*train/);
});
