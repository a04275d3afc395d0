/** From kubectl apply to a verified export, and the remaining objects after deletions. */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { counted, isWrite } from "../cluster/auditLog.ts";
import { type Bench, condition, manifest, type Team } from "./bench.ts";
import { pluginWorks } from "./plugin.ts";

const evaluation = { test: { uri: "pvc://inputs/test.jsonl" }, metrics: ["ExactMatch"], maxNewTokens: 8 };
const exports = { exports: [{ name: "merged", merged: { dtype: "BF16" } }] };

export function roadTests(bench: () => Bench): void {
  let team: Team;

  test("a FineTuneJob becomes a verified Adapter", async () => {
    team = await bench().namespace("road");
    await team.apply(manifest("parity", { evaluation, adapter: exports }));
    const job = await team.untilReady("parity");
    const adapter = await team.adapter();
    assert.equal(condition(adapter, "Ready")?.status, "True");
    const merged = adapter.status?.exports?.[0];
    assert.equal(merged?.state, "Ready");
    assert.ok(Number(merged?.verified?.maxLogitDifference) < 1);
    const files = path.join(team.store, (merged?.uri ?? "").replace("pvc://store/", ""));
    assert.ok(existsSync(path.join(files, "config.json")), files);
    assert.match(condition(job, "Ready")?.message ?? "", /exact match .* → .* on 40 held-out examples/);
  });

  test("the FineTuneJob needed three Jobs, one run and one Adapter", () => {
    assert.deepEqual([team.created("jobs"), team.created("finetuneruns"), team.created("adapters")], [3, 1, 1]);
  });

  test("the columns of kubectl get show state, progress and Adapter", async () => {
    assert.match(await team.kubectl("get", "ftj"), /parity\s+True\s+Ready\s+20\/20\s+[0-9.]+\s+parity-[0-9a-f]{8}/);
    assert.match(await team.kubectl("get", "ftr"), /run-[0-9a-f]{16}\s+True\s+Succeeded\s+20\/20/);
    assert.match(await team.kubectl("get", "adapters"), /parity-[0-9a-f]{8}\s+parity\s+1/);
  });

  test("kubectl finetune plots, compares, lists, explains an edit, promotes and prints logs", () =>
    pluginWorks(bench(), team, "parity", { evaluation, adapter: exports }));

  test("a second apply and a restarted operator write nothing", async () => {
    const versions = async () =>
      (await Promise.all(["finetunejobs", "finetuneruns", "adapters"].map((kind) => team.list(kind))))
        .flat()
        .map(({ metadata }) => metadata.resourceVersion);
    const before = await versions();
    const from = new Date().toISOString();
    await team.apply(manifest("parity", { evaluation, adapter: exports }));
    await bench().killOperator();
    await bench().cluster.kubectl([
      "--namespace",
      "luthier-system",
      "rollout",
      "status",
      "deployment/luthier",
      "--timeout=90s",
    ]);
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    assert.deepEqual(await versions(), before);
    // Refused and cluster-scoped requests count too.
    const since = bench()
      .askedByOperator()
      .filter(({ at, resource }) => at > from && resource !== "leases");
    assert.ok(since.length > 0, "it reads what there is");
    const settled = [team.name, "refusals", "crowded", "ways-out", "small", "frugal", "ranged", ""];
    assert.equal(counted(since.filter((one) => isWrite(one) && settled.includes(one.namespace))), "");
  });

  test("a check of the data that was missed finds them unchanged, and the job stays Ready", async () => {
    const [jobs, runs] = [team.created("jobs"), team.created("finetuneruns")];
    const { status } = await team.untilReady("parity");
    await team.setStatus("finetunejob", "parity", { ...status, checkedAt: "2020-01-01T00:00:00Z" });
    const dataCheck = { schedule: "0 0 1 1 *" };
    await team.apply(manifest("parity", { evaluation, adapter: exports, dataCheck }));
    const checked = await team.until("parity", "checked", (job) => job.status?.dataCheck?.checkedAt !== undefined);
    assert.deepEqual([checked.status?.state, checked.status?.dataCheck?.outcome], ["Ready", "Unchanged"]);
    assert.equal(condition(checked, "DataChecked")?.reason, "Unchanged");
    assert.deepEqual([team.created("jobs"), team.created("finetuneruns")], [jobs + 1, runs]);
  });

  test("an Adapter that a user deletes stays deleted; deleting its run restores it without training", async () => {
    const { metadata, spec } = await team.adapter();
    await team.kubectl("delete", "adapter", metadata.name);
    assert.equal((await team.untilStalled("parity")).reason, "AdapterDeleted");
    await team.kubectl("delete", "finetunerun", (await team.run()).metadata.name);
    await team.untilReady("parity");
    assert.equal((await team.adapter()).spec.source.digest, spec.source.digest);
  });

  test("deleting the FineTuneJob deletes its run and Jobs, and keeps the Adapter", async () => {
    await team.kubectl("delete", "finetunejob", "parity", "--wait");
    await team.kubectl("wait", "--for=delete", "finetunerun", "--all", "--timeout=60s");
    assert.equal((await team.list("adapters")).length, 1);
  });

  test("a recreated FineTuneJob with another uid finds its Adapter and runs no pod", async () => {
    const jobs = team.created("jobs");
    await team.apply(manifest("parity", { evaluation, adapter: exports }));
    await team.untilReady("parity");
    assert.deepEqual([team.created("jobs"), (await team.list("adapters")).length], [jobs, 1]);
  });

  test("a FineTuneJob restored without its status becomes Ready without a pod", async () => {
    const jobs = team.created("jobs");
    await team.setStatus("finetunejob", "parity", undefined);
    await team.untilReady("parity");
    assert.equal(team.created("jobs"), jobs);
  });

  test("an adapter missing from the store is detected at the next use, and nothing is retrained", async () => {
    const { spec } = await team.adapter();
    const runs = team.created("finetuneruns");
    rmSync(path.join(team.store, spec.source.uri.replace("pvc://store/", "")), { recursive: true });
    const more = { exports: [...exports.exports, { name: "again", merged: { dtype: "F32" } }] };
    await team.apply(manifest("parity", { evaluation, adapter: more }));
    const reported = await team.untilStalled("parity");
    assert.equal(reported.reason, "AdapterMissing");
    assert.match(reported.message, /The operator does not train again unasked/);
    assert.equal(condition(await team.adapter(), "Verified")?.status, "False");
    assert.equal(team.created("finetuneruns"), runs);
  });
}
