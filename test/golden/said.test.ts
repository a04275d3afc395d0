/** Compares intrinsic SAID with a reference written from the paper, which forms the projections as dense matrices (said.py). */
import { describe } from "node:test";
import { readCase } from "./goldens.ts";
import { holdGradients, holdTraining, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const variants = {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
};

for (const name of ["said", "said-qwen3"]) {
  const golden = readCase(name);
  for (const [title, variant] of Object.entries(variants)) {
    describe(`${name} on ${title}`, () => {
      holdGradients(golden, variant, "logits, loss and every gradient equal the reference's");
      for (const epsilon of ["1e-5", "1e-8"] as const)
        if (variant !== onReference) holdTraining(golden, { ...variant, epsilon }, epsilon);
    });
  }
}
