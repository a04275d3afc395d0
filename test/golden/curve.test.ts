/** 200 steps in BF16 stay close to the same training in F64: within 0.02 nats at each step and 0.005 on average. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openCase } from "./engines.ts";
import { readCase, readCurve } from "./goldens.ts";
import { train } from "./measure.ts";

const bounds = { step: 0.02, mean: 0.005 };

test("200 LoRA steps in BF16 follow the curve of F64", async () => {
  const { exact, learningRates, maxGradNorm } = readCurve();
  const golden = readCase("lora-all-linear");
  const settings = { ...golden.settings, steps: exact.length, learningRate: Math.max(...learningRates), maxGradNorm };
  using run = await openCase({ ...golden, settings }, { backend: "cpu", precision: "BF16" });
  const { losses } = await train(run);
  const gaps = losses.map((loss, step) => Math.abs(loss - exact[step]!));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  assert.ok(Math.max(...gaps) <= bounds.step, `a step is ${Math.max(...gaps)} away`);
  assert.ok(mean <= bounds.mean, `the mean is ${mean} away`);
});
