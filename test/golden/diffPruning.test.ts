/** Compares diff pruning with a reference written from the paper (diff_pruning.py): sampled gates, gradients and training. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { trainStep } from "../../trainer/training/step.ts";
import { openCase } from "./engines.ts";
import { readCase } from "./goldens.ts";
import { holdGradients, holdTraining, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";
import { rowsOfStep } from "./rows.ts";

const variants = {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
};

for (const name of ["diff-pruning", "diff-pruning-qwen2"]) {
  const golden = readCase(name);
  for (const [title, variant] of Object.entries(variants)) {
    describe(`${name} on ${title}`, () => {
      holdGradients(golden, variant, "logits, loss and every gradient equal the reference's");
      if (variant !== onReference) holdTraining(golden, { ...variant, epsilon: "1e-5" }, "1e-5");
    });
  }
}

test("once fixed, the places of the differences stay, and no more differ than density allows", async () => {
  using run = await openCase(readCase("diff-pruning"), onCpu);
  const { engine } = run;
  const names = engine.stateOf("parameter").map(({ name }) => name);
  const places = () =>
    names
      .filter((name) => name.endsWith(".diff_alpha"))
      .flatMap((name) => [...engine.floats("parameter", name)].map((alpha) => alpha > 500));
  let fixed: boolean[] = [];
  for (let step = 1; step <= run.steps; step++) {
    await trainStep(run, step, rowsOfStep(step, run.dataset.rowCount));
    if (step === 12) fixed = places();
  }
  assert.equal(fixed.filter(Boolean).length, Math.round(0.1 * fixed.length));
  assert.deepEqual(places(), fixed);
});
