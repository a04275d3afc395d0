/** Compares every family with transformers on tiny models that have all its features (families.py). */
import { describe } from "node:test";
import { readFamilies } from "./goldens.ts";
import { holdGradients, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const variants = {
  "cpu in F32": onCpu,
  "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise,
  "the reference in F64": onReference,
};

describe("families", () => {
  for (const golden of readFamilies()) {
    for (const [where, variant] of Object.entries(variants)) {
      holdGradients(golden, variant, `${golden.name} on ${where}: logits, loss and every gradient equal transformers'`);
    }
  }
});
