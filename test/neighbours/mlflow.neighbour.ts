/** `luthier record` against a real MLflow server. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { recordCommand } from "../../cli/commands/record.ts";
import { aNamespace, cluster } from "../../cli/testing/cluster.ts";
import { startMlflow } from "./mlflowServer.ts";

const pair = z.object({ key: z.string(), value: z.union([z.string(), z.number()]) });
const pairs = z.array(pair).default([]);
const runList = z.object({
  runs: z
    .array(
      z.object({
        info: z.object({ run_id: z.string(), run_name: z.string(), status: z.string() }),
        data: z.object({ metrics: pairs, params: pairs, tags: pairs }),
      }),
    )
    .default([]),
});
const experiment = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const points = z.object({ metrics: z.array(z.object({ step: z.number(), value: z.number() })) });

async function tracked(t: TestContext) {
  const url = await startMlflow(t);
  const ask = async (path: string, body?: object) => {
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, body === undefined ? {} : post);
    assert.equal(answer.status, 200, path);
    const found: unknown = await answer.json();
    return found;
  };
  const runs = async () => {
    const found = experiment.parse(await ask("experiments/get-by-name?experiment_name=bots"));
    const question = { experiment_ids: [found.experiment.experiment_id], run_view_type: "ACTIVE_ONLY" };
    return runList.parse(await ask("runs/search", question)).runs;
  };
  return { url, ask, runs };
}

test("Adapters are recorded in MLflow once, with parameters, figures, curves and digests", async (t) => {
  const { url, ask, runs } = await tracked(t);
  const namespace = aNamespace();
  const { run } = await cluster(t, namespace);
  const record = async () => {
    const { stdout } = await run(recordCommand, "--mlflow", url, "--experiment", "bots", "--output", "json");
    const { recorded, known } = JSON.parse(stdout);
    return [recorded.length, known.length];
  };
  assert.deepEqual(await record(), [2, 0]);
  assert.deepEqual(await record(), [0, 2]);

  const [first = assert.fail(), ...others] = (await runs()).filter(({ info }) => info.run_name === namespace.old);
  assert.deepEqual([others.length, (await runs()).length], [0, 2]);
  assert.equal(first.info.status, "FINISHED");
  const adapter = namespace.objects.adapters.find(({ metadata }) => metadata.name === namespace.old) ?? assert.fail();
  const { provenance, results, source } = adapter.spec;
  const of = (kind: "metrics" | "params" | "tags") =>
    Object.fromEntries(first.data[kind].map(({ key, value }) => [key, value]));
  assert.equal(of("params")["baseModel.uri"], adapter.spec.baseModel.uri);
  assert.match(String(of("params")["training.learningRate"]), /^[0-9.e-]+$/);
  assert.equal(of("tags")["luthier.datasetDigest"], provenance.datasetDigest);
  assert.equal(of("tags")["luthier.adapterDigest"], source.digest);
  assert.equal(of("metrics")["result/steps"], results?.steps);
  assert.equal(of("metrics")["result/loss"], Number(results?.loss));
  const history = async (id: string) => {
    const { metrics } = points.parse(
      await ask(`metrics/get-history?run_id=${id}&metric_key=training/Loss&max_results=1000`),
    );
    return metrics.map(({ step, value }) => [step, value]);
  };
  const curve = [
    [1, 3],
    [2, 2],
    [3, 1],
  ];
  assert.deepEqual(await history(first.info.run_id), curve);

  // As if its writer had been killed before the end.
  await ask("runs/update", { run_id: first.info.run_id, status: "RUNNING" });
  assert.deepEqual(await record(), [1, 1]);
  const [again = assert.fail(), ...more] = (await runs()).filter(({ info }) => info.run_name === namespace.old);
  assert.equal(more.length, 0);
  assert.notEqual(again.info.run_id, first.info.run_id);
  assert.deepEqual(await history(again.info.run_id), curve);

  await ask("runs/delete", { run_id: again.info.run_id });
  assert.deepEqual(await record(), [0, 2]);
  assert.equal((await runs()).length, 1);
});
