/** The chart by the real Helm: lint, upgrade, uninstall. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { type Bench, operatorNamespace, refusal } from "./bench.ts";

const chart = path.resolve(import.meta.dirname, "../../charts/luthier");

export function chartTests(bench: () => Bench): void {
  test("the chart lints, and a value that it does not know is refused", async () => {
    const { cluster } = bench();
    assert.match(await cluster.helm(["lint", "--strict", chart]), /0 chart\(s\) failed/);
    assert.match(await refusal(cluster.helm(["template", chart, "--set", "operator.replica=2"])), /replica/);
  });

  test("the operator may do what it does and little more", async () => {
    const { cluster } = bench();
    const may = async (...words: string[]) => {
      const account = `--as=system:serviceaccount:${operatorNamespace}:luthier`;
      const answer = cluster.kubectl(["auth", "can-i", ...words, account, "--namespace=default"]);
      return (await answer.catch(() => "no")).trim();
    };
    assert.equal(await may("create", "jobs.batch"), "yes");
    for (const words of [
      ["get", "secrets"],
      ["create", "pods"],
      ["update", "finetunejobs"],
      ["delete", "adapters"],
    ]) {
      assert.equal(await may(...words), "no", words.join(" "));
    }
  });

  test("metrics are served under controller-runtime's names", async () => {
    const { cluster } = bench();
    const metrics = await cluster.kubectl([
      "get",
      "--raw",
      `/api/v1/namespaces/${operatorNamespace}/services/luthier-metrics:http/proxy/metrics`,
    ]);
    assert.match(metrics, /controller_runtime_reconcile_total\{controller="finetunejob",result="success"\} [1-9]/);
    assert.match(metrics, /workqueue_depth\{name="finetunerun"\} 0/);
    assert.match(metrics, /leader_election_master_status\{name="luthier-operator"\} 1/);
  });

  test("an upgrade keeps what is there, and an uninstall keeps definitions and Adapters", async () => {
    const { cluster } = bench();
    const count = async () =>
      JSON.parse(await cluster.kubectl(["get", "adapters", "--all-namespaces", "-o", "json"])).items.length;
    const before = await count();
    await bench().install(["operator.logLevel=debug"], "--reuse-values");
    assert.equal(await count(), before);
    await cluster.helm(["uninstall", "luthier", "--namespace", operatorNamespace, "--wait"]);
    assert.equal(await count(), before);
    assert.match(await cluster.kubectl(["get", "crds", "-o", "name"]), /finetunejobs\.luthier\.dev/);
  });
}
