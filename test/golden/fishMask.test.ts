/** Compares FISH Mask with a reference written from the paper (sparse.py): the chosen weights, gradients and training. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openCase } from "./engines.ts";
import { readCase } from "./goldens.ts";
import { holdGradients, holdTraining, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const golden = readCase("fish-mask");
const variants = {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
};

for (const [title, variant] of Object.entries(variants)) {
  describe(`FISH Mask on ${title}`, () => {
    holdGradients(golden, variant, "logits, loss and every gradient equal the reference's");
    if (variant !== onReference) holdTraining(golden, { ...variant, epsilon: "1e-5" }, "1e-5");
  });
}

test("FISH Mask trains the weights that the reference chooses, and no other", async () => {
  using run = await openCase(golden, onCpu);
  const names = run.engine.stateOf("method").map(({ name }) => name);
  assert.equal(names.length, 4);
  for (const name of names) {
    const mask = Array.from(run.engine.floats("method", name));
    assert.deepEqual(mask, Array.from(golden.tensors.values(`mask/${name.replace(/mask$/, "diff")}`)), name);
  }
});
