/** demo/quickstart.yaml as it is, by kubectl: a base model that cannot do the task learns it, and says so truly. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { demo } from "../../demo/places.ts";
import type { Bench } from "./bench.ts";

/** A minute and a half on two free cores; other work on the machine makes it longer. */
const patienceSeconds = 20 * 60;

export function quickstartTests(bench: () => Bench): void {
  test("the quickstart goes from kubectl apply to a ready Adapter that has learnt the task", async () => {
    const team = await bench().demoNamespace("quickstart");
    await team.kubectl("apply", "-f", demo.manifest);
    await team.untilReady("spam-or-ham", patienceSeconds);
    const { spec, status } = await team.adapter();
    assert.equal(status?.exports?.[0]?.state, "Ready");
    const evaluation = spec.results?.evaluation;
    assert.ok(evaluation);
    const [before, after, larger] = [evaluation.before, evaluation.after, evaluation.majorityShare].map(Number);
    assert.equal(evaluation.examples, 310);
    assert.ok(before! <= larger!, `before ${before}, always the larger class ${larger}`);
    assert.ok(after! > 0.9, `after ${after}, always the larger class ${larger}`);
  });
}
