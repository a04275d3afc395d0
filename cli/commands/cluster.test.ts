/**
 * The commands about trainings of a cluster, against a server that holds a job, its run, its Adapter and a pod. The end-to-end
 * tests run them against the real API server (test/e2e/plugin.ts); here are the cases that need another state.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { stringify } from "yaml";
import { aPinnedJob } from "../../operator/testing/builders.ts";
import { UsageError } from "../../terminal/arguments.ts";
import { aNamespace, cluster } from "../testing/cluster.ts";
import { compareCommand } from "./compare.ts";
import { diffCommand } from "./diff.ts";
import { historyCommand } from "./history.ts";
import { logsCommand } from "./logs.ts";
import { plotCommand } from "./plot.ts";
import { promoteCommand, rollbackCommand } from "./promote.ts";
import { recordCommand } from "./record.ts";
import { retryCommand } from "./retry.ts";

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

test("record names an address that is missing, invalid, or not that of an MLflow server", async (t) => {
  const { run, server } = await cluster(t, aNamespace());
  const record = (...argv: string[]) => run(recordCommand, ...argv);
  await assert.rejects(record("nobody", "--mlflow", server), /there is no Adapter nobody in namespace team/);
  await assert.rejects(record("--mlflow", "mlflow.example"), /mlflow\.example: not the http or https URL/);
  await assert.rejects(record("--mlflow", "http://me:hidden@a"), /MLFLOW_TRACKING_USERNAME(?!.*hidden)/);
  await assert.rejects(record("--mlflow", server), /TrackingRefused|the answer is not that of an MLflow server/);
});
