/** Compares every family with transformers on tiny models that have all its features (families.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { z } from "zod";
import { compile } from "../../trainer/compile/compile.ts";
import { families, familyRules, rawConfig, wrappers } from "../../trainer/contract/families.ts";
import { usualMethod } from "../../trainer/contract/methods/index.ts";
import { type ModelConfig, modelConfig, unnested } from "../../trainer/contract/model.ts";
import { ropeTypes } from "../../trainer/contract/rope.ts";
import { modelConfigOf } from "../support/modelDirectory.ts";
import { goldenPath, readFamilies } from "./goldens.ts";
import { holdGradients, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";

const members = z.record(z.string(), z.unknown());

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

test("every family, each of its biases and its window, and every rotary embedding has a golden", () => {
  const goldens = readFamilies().map(({ name, settings: { base } }) => {
    const outer = members.parse(JSON.parse(readFileSync(goldenPath(`${base}/config.json`), "utf8")));
    const config = rawConfig.parse(unnested(outer));
    return { name, outer, config, model: modelConfigOf(goldenPath(base)) };
  });
  const first = goldens.filter(({ name }) => !name.includes("-")).map(({ model }) => model.family);
  assert.deepEqual(first.toSorted(), families.toSorted(), "a name without a hyphen is the first golden of a family");
  for (const family of families) {
    const { biases = [], window } = familyRules[family];
    const ours = goldens.filter(({ model }) => model.family === family);
    for (const field of biases)
      assert.ok(
        ours.some(({ config }) => config[field] === true),
        `${family} with ${field}`,
      );
    const hasWindow = ours.some(({ model }) => model.slidingWindow !== undefined);
    assert.equal(hasWindow, window !== undefined, `${family} with a window`);
  }
  for (const type of wrappers)
    assert.ok(
      goldens.some(({ outer, model }) => outer.model_type === type && model.wrapped),
      `the language model of a ${type}`,
    );
  const types = z.looseObject({ rope_type: z.string() });
  const named = goldens.map(({ config }) => types.safeParse(config.rope_parameters).data?.rope_type);
  for (const type of ropeTypes) assert.ok(named.includes(type), `a rotary embedding of type ${type}`);
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
