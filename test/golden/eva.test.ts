/** Compares EVA with PEFT: the ranks of the layers and their initial A, the training, and that ranks and scales are saved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveMethod } from "../../trainer/contract/methods/index.ts";
import { methodOf } from "../../trainer/methods/index.ts";
import { openWith, type Variant } from "./engines.ts";
import { ourTensors, readCase, Tensors } from "./goldens.ts";
import { holdCases, onCpu, onCpuOtherwise, onReference } from "./holdCases.ts";
import { distance } from "./measure.ts";

const cases = ["eva", "eva-qwen2"] as const;

holdCases(["eva"], { "cpu in F32": onCpu, "the reference in F64": onReference });
holdCases(cases, { "cpu in F32, a row at a time, a block recomputed, two threads": onCpuOtherwise });

for (const name of cases) {
  test(`${name} starts as in PEFT`, async () => {
    const golden = readCase(name);
    using run = await openWith(golden, onCpu, new Map());
    for (const [tensor, values] of ourTensors(golden, "initial/")) {
      if (!tensor.endsWith(".lora_A.weight")) continue;
      const away = distance(run.engine.floats("parameter", tensor), values);
      assert.ok(away < 1e-3, `${tensor} is ${away} away`);
    }
  });
}

const rank = 3;
const written = { rank, initialization: "EVA", evaTau: "0.95" } as const;

/** A of every layer, [rank of the layer, in]. */
async function starts(lora: object, variant: Variant) {
  const golden = readCase("lora-all-linear");
  const method = effectiveMethod({ lora });
  const settings = { ...golden.settings, method };
  using run = await openWith({ ...golden, settings }, variant, new Map());
  const parameters = run.engine
    .stateOf("parameter")
    .map(({ name, shape }) => ({ name, shape, values: Float32Array.from(run.engine.floats("parameter", name)) }));
  const { peft } = methodOf(method);
  const saved = peft!.toPeft(parameters);
  const facts = { modules: [], model: run.engine.compiled.spec.model, parameters, steps: 1 };
  return { saved: new Map(saved.map((one) => [one.name, one])), config: peft!.config(facts), parameters, method };
}

const golden = new Tensors("eva-ranks.safetensors");

for (const [title, variant] of Object.entries({
  "whole batches": onCpu,
  "a row at a time, two threads": onCpuOtherwise,
})) {
  test(`EVA gives PEFT's ranks and directions, with ${title}`, async () => {
    const { saved, config, parameters } = await starts(written, variant);
    const ranks = new Map(Object.entries(Object(config.rank_pattern)));
    for (const { name } of parameters) {
      const [, site] = /^(.+)\.lora_A\.weight$/.exec(name) ?? [];
      if (site === undefined) continue;
      const { shape, values } = saved.get(`base_model.model.${name}`)!;
      // PEFT takes layers of rank 0 out of its targets; here they keep one row of zeros.
      if (!golden.names().includes(site)) {
        assert.ok(shape[0] === 1 && values.every((value) => value === 0), site);
        continue;
      }
      assert.deepEqual(shape, golden.entry(site).shape, site);
      assert.equal(ranks.get(site), shape[0]);
      // The sign of a direction follows from its largest element, as in PEFT.
      assert.ok(distance(values, golden.values(site)) < 1e-3, `${site}: ${distance(values, golden.values(site))}`);
    }
    assert.ok(new Set(ranks.values()).size > 1, "ranks were moved");
  });
}

test("EVA's scale is the same at every rank, and a saved adapter is read back with room for the highest", async () => {
  const { saved, config, parameters, method } = await starts(written, onCpu);
  const [ranks, alphas] = [Object(config.rank_pattern), Object(config.alpha_pattern)];
  for (const [site, own] of Object.entries(ranks)) assert.equal(alphas[site] / Number(own), 2);
  const back = methodOf(method).peft!.fromPeft([...saved.values()], config);
  assert.deepEqual(
    new Map(back.map(({ name, shape, values }) => [name, { shape, values }])),
    new Map(parameters.map(({ name, shape, values }) => [name, { shape, values }])),
  );
});

test("with evaRho 1 every layer keeps its rank", async () => {
  const { config } = await starts({ ...written, evaRho: 1 }, onCpu);
  assert.deepEqual(new Set(Object.values(Object(config.rank_pattern))), new Set([rank]));
});

test("EVA is refused if no batch has as many trained tokens as directions are sought", async () => {
  await assert.rejects(
    starts({ ...written, rank: 40 }, onCpu),
    /needs \d+ trained tokens in one batch .* raise training\.batchTokens/,
  );
});
