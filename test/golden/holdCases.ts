/**
 * Checks a golden's case: logits and loss within 1e-5 relative, each gradient within 1e-5 of its norm, 20 steps of AdamW
 * within 1e-5 (epsilon 1e-5) and 2e-4 (epsilon 1e-8) of each update's norm. The references are F64; at epsilon 1e-8 a
 * different order of sums alone can change an update by 1e-5.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openCase, type Variant } from "./engines.ts";
import { type Epsilon, type GoldenCase, ourTensors, readCase } from "./goldens.ts";
import { distance, forwardBackward, logits, train, type Values } from "./measure.ts";

const bounds = { logits: 1e-5, loss: 1e-5, gradient: 1e-5, update: { "1e-5": 1e-5, "1e-8": 2e-4 } };

export const onCpu: Variant = { backend: "cpu", precision: "F32" };
export const onCpuOtherwise: Variant = {
  backend: "cpu",
  precision: "F32",
  microRows: 1,
  recomputedBlocks: 1,
  threads: 2,
};
export const onReference: Variant = { backend: "reference64", precision: "F64" };

/** Declares the tests of each case on each variant. */
export function holdCases(names: readonly string[], variants: Readonly<Record<string, Variant>>): void {
  for (const name of names) {
    for (const [title, variant] of Object.entries(variants)) {
      describe(`${name} on ${title}`, () => compare(readCase(name), variant));
    }
  }
}

function compare(golden: GoldenCase, variant: Variant): void {
  const title = golden.settings.objective
    ? "loss, rewards and every gradient equal TRL's"
    : "logits, loss and every gradient equal PEFT's";
  holdGradients(golden, variant, title);
  for (const epsilon of ["1e-5", "1e-8"] as const)
    if (golden.training[epsilon]) holdTraining(golden, { ...variant, epsilon }, epsilon);
}

/**
 * Declares the test of a golden's first step: logits decoded token by token, the loss, every gradient; of preferences the
 * rewards instead of logits.
 */
export function holdGradients(golden: GoldenCase, variant: Variant, title: string): void {
  test(title, async () => {
    using run = await openCase(golden, variant);
    const { rewards } = golden;
    if (!rewards) within(distance(await logits(run), golden.tensors.values("logits")), bounds.logits, "logits");
    const { loss, rewardAccuracy, rewardMargin } = await forwardBackward(run);
    within(Math.abs(loss / golden.loss - 1), bounds.loss, "loss");
    if (rewards) {
      const scale = Math.max(1, Math.abs(rewards.margin));
      within(Math.abs(rewardMargin! - rewards.margin) / scale, bounds.loss, "rewardMargin");
      // TRL logs no accuracy of KTO.
      if (rewards.accuracy !== null) within(Math.abs(rewardAccuracy! - rewards.accuracy), 1e-6, "rewardAccuracy");
    }
    const ours = new Map(run.engine.stateOf("gradient").map(({ name }) => [name, run.engine.floats("gradient", name)]));
    sameTensors(ours, golden, "gradient/", bounds.gradient);
  });
}

/** Declares the test of a golden's training. */
export function holdTraining(golden: GoldenCase, variant: Variant, epsilon: Epsilon): void {
  test(`20 steps reach the same parameters, epsilon ${epsilon}`, async () => {
    using run = await openCase(golden, variant);
    const { losses, updates } = await train(run);
    const expected = Float64Array.from(golden.training[epsilon]!.losses);
    within(distance(Float64Array.from(losses), expected), bounds.update[epsilon], "losses");
    sameTensors(updates, golden, `update-${epsilon}/`, bounds.update[epsilon]);
  });
}

/** Checks that both sides have the same names, and that each tensor is within the bound. */
function sameTensors(ours: ReadonlyMap<string, Values>, golden: GoldenCase, prefix: string, bound: number): void {
  const expected = ourTensors(golden, prefix);
  assert.deepEqual([...ours.keys()].sort(), [...expected.keys()].sort());
  for (const [name, values] of expected) within(distance(ours.get(name)!, values), bound, prefix + name);
}

function within(value: number, bound: number, what: string): void {
  assert.ok(value <= bound, `${what} is ${value.toExponential(2)} away, ${bound.toExponential(0)} allowed`);
}
