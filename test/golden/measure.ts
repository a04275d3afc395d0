/** Computes a golden's step on our engine: logits, loss, gradients, and the parameters' change after training. */

import { CacheForward } from "../../trainer/engine/cacheForward.ts";
import { type LossFigures, runLoss } from "../../trainer/training/loss.ts";
import { trainStep } from "../../trainer/training/step.ts";
import { type GoldenRun, slots } from "./engines.ts";
import { rowsOfStep } from "./rows.ts";

export type Values = Float32Array | Float64Array;

/** ‖a − b‖ / ‖b‖, or ‖a‖ if b is zero. Infinite if a is not finite or has another size. */
export function distance(a: Values, b: Values): number {
  if (a.length !== b.length || !a.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const norm = (value: (index: number) => number) => {
    let sum = 0;
    for (let index = 0; index < b.length; index++) sum += value(index) ** 2;
    return Math.sqrt(sum);
  };
  const scale = norm((index) => b[index]!);
  const difference = norm((index) => a[index]! - b[index]!);
  return scale === 0 ? difference : difference / scale;
}

/** Runs forward and backward of step 1, which leave gradients and the loss in the engine's state. */
export async function forwardBackward(run: GoldenRun): Promise<LossFigures> {
  const { engine, dataset, settings } = run;
  const rows = rowsOfStep(1, dataset.rowCount);
  const inputs = { rngKey: Uint32Array.of(settings.seed, 1) };
  const figures = await runLoss({ ...run, objective: settings.objective }, { program: "micro", dataset, rows, inputs });
  await engine.run({ program: "pullback" });
  return figures;
}

/** Logits [tokens, vocabulary] of step 1's rows, one example after another, decoded token by token through the cache. */
export async function logits({ engine, dataset, shape, rope }: GoldenRun): Promise<Float32Array> {
  const cache = new CacheForward(
    engine,
    { slots, capacity: shape.rowTokens, prefillTokens: 2 * shape.rowTokens },
    rope,
  );
  const rows = rowsOfStep(1, dataset.rowCount);
  const [first, last] = [dataset.rowStart[rows[0]]!, dataset.rowStart[rows[1] + 1]!];
  const examples = Array.from({ length: last - first }, (_, index) =>
    dataset.tokens.subarray(dataset.exampleStart[first + index], dataset.exampleStart[first + index + 1]),
  );
  const found: Float32Array[][] = examples.map(() => []);
  for (let position = 0; position < Math.max(...examples.map(({ length }) => length)); position++) {
    const tokens = examples.flatMap((ids, slot) =>
      position < ids.length ? [{ token: ids[position]!, slot, position, length: ids.length }] : [],
    );
    await cache.run(tokens);
    for (const { slot } of tokens) found[slot]!.push(cache.logits(slot));
  }
  return concatenate(found.flat());
}

/** Trains on the golden's rows; returns the losses, and each parameter's change. */
export async function train(run: GoldenRun): Promise<{ losses: number[]; updates: ReadonlyMap<string, Float32Array> }> {
  const parameters = run.engine.stateOf("parameter").map(({ name }) => name);
  const start = new Map(parameters.map((name) => [name, run.engine.floats("parameter", name).slice()]));
  const losses: number[] = [];
  for (let step = 1; step <= run.steps; step++) {
    losses.push((await trainStep(run, step, rowsOfStep(step, run.dataset.rowCount))).loss);
  }
  const updates = parameters.map((name) => {
    const from = start.get(name)!;
    return [name, run.engine.floats("parameter", name).map((value, index) => value - from[index]!)] as const;
  });
  return { losses, updates: new Map(updates) };
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
