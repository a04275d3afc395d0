/** Compares every family with transformers on tiny models that have all its features (families.py). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compile } from "../../trainer/compile/compile.ts";
import { usualMethod } from "../../trainer/contract/methods/index.ts";
import { type ModelConfig, modelConfig } from "../../trainer/contract/model.ts";
import { modelConfigOf } from "../support/modelDirectory.ts";
import { goldenPath, readFamilies } from "./goldens.ts";
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

test("the shape that a job's status keeps of a model plans as its config.json does", () => {
  for (const { name, settings } of readFamilies()) {
    const model = modelConfigOf(goldenPath(settings.base));
    const programs = (facts: ModelConfig) => {
      const compiled = compile({
        model: facts,
        device: "cpu",
        storage: { dense: "BF16", linear: "BF16", doubleQuantization: false },
        method: usualMethod("lora"),
        training: {
          optimizer: { type: "AdamW", weightDecay: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, paged: false },
          maxGradNorm: 1,
        },
        precision: "BF16",
        rowTokens: 32,
        microRows: 2,
        recomputedBlocks: 0,
        generation: { slots: 2, capacity: 32, prefillTokens: 32 },
      });
      const { stateBytes, arenaBytes, ioBytes, scratch } = compiled;
      return { stateBytes, arenaBytes, ioBytes, scratch };
    };
    assert.deepEqual(programs(modelConfig.parse(model)), programs(model), name);
  }
});
