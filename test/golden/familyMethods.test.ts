/**
 * Every method on every family's tiny model: it trains, and merged it computes what it computes beside its base; or it is
 * refused with the reason and the fix.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CompileError } from "../../trainer/compile/compile.ts";
import { declarationOf, effectiveMethod, usualMethod } from "../../trainer/contract/methods/index.ts";
import { baseValues } from "../../trainer/engine/baseValues.ts";
import type { TensorData } from "../../trainer/formats/safetensorsWriter.ts";
import { methodOf, registeredMethods } from "../../trainer/methods/index.ts";
import { trainStep } from "../../trainer/training/step.ts";
import { mergeTensor } from "../../trainer/weights/merge.ts";
import { tensorsOf } from "../support/modelDirectory.ts";
import { type GoldenRun, openCase } from "./engines.ts";
import { type GoldenCase, goldenPath, readFamilies } from "./goldens.ts";
import { onCpu } from "./holdCases.ts";
import { distance, logits } from "./measure.ts";
import { givenOf } from "./randomAdapters.ts";
import { rowsOfStep } from "./rows.ts";

const steps = 4;

const windowed = ["mixtral", "gptoss", "mistral", "ministral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "smollm3"];

/** The pairs that cannot work; every other one must. */
const refusals: readonly { method: string; isRefused: (golden: GoldenCase) => boolean; reason: RegExp }[] = [
  {
    method: "prefixTuning",
    isRefused: ({ name }) => windowed.includes(name),
    reason: /prefixTuning needs every token to attend to the \d+ virtual tokens.*set method\.lora/,
  },
  ...["promptTuning", "pTuning"].map((method) => ({
    method,
    isRefused: ({ name }: GoldenCase) => windowed.includes(name),
    reason: /needs every token to attend to the \d+ virtual tokens.*set method\.lora|longrope.*set method\.lora/,
  })),
  {
    method: "ia3",
    isRefused: ({ name }) => ["mixtral", "gptoss"].includes(name),
    reason: /feedforwardModules: "down_proj" is not a linear layer of this model; its layers are q_proj/,
  },
  {
    method: "ia3",
    isRefused: ({ name }) => name.startsWith("phi3"),
    reason: /targetModules: "k_proj" is not a linear layer of this model; its layers are qkv_proj/,
  },
  {
    method: "bitfit",
    isRefused: ({ name }) => !["qwen2", "qwen3moe", "gptoss"].includes(name) && !name.endsWith("-biases"),
    reason: /method\.bitfit trains biases, and this model has none/,
  },
];

/** The first golden of each family; Llama with biases of the feed-forward; for the method that trains biases all with biases. */
const goldensFor = (kind: string) =>
  readFamilies().filter(
    ({ name }) => !name.includes("-") || name === "llama-biases" || (kind === "bitfit" && name.endsWith("-biases")),
  );

/** A method's defaults; where they are for a much lower learning rate than this test's, others. */
const methodFor = (kind: string) =>
  kind === "diffPruning" ? effectiveMethod({ diffPruning: { learningRateRatio: "10" } }) : usualMethod(kind);

for (const { declaration } of registeredMethods()) {
  const { kind } = declaration;
  describe(`method ${kind}`, () => {
    for (const golden of goldensFor(kind)) {
      const settings = { ...golden.settings, method: methodFor(kind), steps, learningRate: 1e-2 };
      const ours = { ...golden, ...givenOf({ settings }) };
      const refusal = refusals.find(({ method, isRefused }) => method === kind && isRefused(golden));
      if (refusal) {
        test(`is refused on ${golden.name}, with the reason`, async () => {
          const isReason = (error: unknown) => error instanceof CompileError && refusal.reason.test(error.message);
          await assert.rejects(openCase(ours, onCpu), isReason);
        });
        continue;
      }
      test(`trains ${golden.name}, and merges into it`, () => trainsAndMerges(ours));
    }
  });
}

for (const [family, targetModules] of [
  ["phi3", ["qkv_proj", "down_proj"]],
  ["mixtral", ["k_proj", "v_proj"]],
  ["gptoss", ["k_proj", "v_proj"]],
] as const) {
  test(`ia3 trains ${family} with the targets that docs/methods/ia3.md names, and merges into it`, async () => {
    const method = effectiveMethod({ ia3: { targetModules: [...targetModules] } });
    const golden = readFamilies().find(({ name }) => name.startsWith(family))!;
    await trainsAndMerges({ ...golden, settings: { ...golden.settings, method, steps, learningRate: 1e-2 } });
  });
}

for (const family of ["mixtral", "qwen3moe", "gptoss"])
  test(`lora trains the experts of ${family}, and merges into them`, async () => {
    const targetParameters = ["experts.gate_up_proj", "experts.down_proj"];
    const method = effectiveMethod({ lora: { rank: 3, targetModules: [], targetParameters } });
    const golden = readFamilies().find(({ name }) => name === family)!;
    await trainsAndMerges({ ...golden, settings: { ...golden.settings, method, steps, learningRate: 1e-2 } });
  });

async function trainsAndMerges(golden: GoldenCase): Promise<void> {
  using run = await openCase(golden, onCpu);
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++)
    losses.push((await trainStep(run, step, rowsOfStep(1, run.dataset.rowCount))).loss);
  assert.ok(losses.at(-1)! < losses[0]!, `the losses are ${losses.join(", ")}`);
  if (declarationOf(golden.settings.method.kind).mergeRefusal !== undefined) return;
  await run.engine.run({ program: "derive" });
  const whole = { ...golden, settings: { ...golden.settings, method: usualMethod("full") } };
  using merged = await openCase(whole, onCpu, await mergedBase(golden, run));
  assert.ok(distance(await logits(merged), await logits(run)) < 1e-5);
}

/** The base's weights as the method leaves them. */
async function mergedBase({ settings }: GoldenCase, { engine }: GoldenRun): Promise<TensorData[]> {
  const base = await tensorsOf(goldenPath(settings.base));
  const method = methodOf(settings.method);
  const trained = new Map(engine.stateOf("parameter").map(({ name }) => [name, engine.floats("parameter", name)]));
  const merged: TensorData[] = [];
  for (const { name, shape } of base.table.values()) {
    const result = mergeTensor({ name, shape }, await baseValues(base, { name, shape }), method, trained);
    merged.push({ name, dtype: "F32", shape, data: new Uint8Array(Float32Array.from(result).buffer) });
  }
  return merged;
}
