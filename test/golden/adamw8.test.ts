/**
 * Compares adamw8 with bitsandbytes' AdamW8bit over 20 steps. bitsandbytes fuses multiplications and additions, so that a
 * value beside the middle of two codes may get the other one; all other codes are equal.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../trainer/graph/graph.ts";
import type { Backend } from "../../trainer/native/addon.ts";
import { adamw8 } from "../../trainer/ops/adamw8/op.ts";
import { GraphRunner, relativeError } from "../../trainer/testing/graphs.ts";
import { hyperOf } from "../../trainer/training/schedule.ts";
import { Tensors } from "./goldens.ts";

const golden = new Tensors("adamw8.safetensors");
const shape = [24, 300];
const count = 7200;
const scales = [29];
const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
const rule = { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, eps };

/** The generator of adamw8.py. */
function values(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32 - 0.5;
  });
}

const gradient = (step: number): Float32Array =>
  values(count, 100 + step).map((value, at) =>
    at % 7 === 0 || Math.floor(at / 256) === 3 ? 0 : value * Math.fround(10 ** -(at % 5)),
  );

function runner(backend: Backend, weightDecay: number, size: readonly number[] = shape, blocks = scales): GraphRunner {
  const graph = new Graph();
  const of = (name: string, dims: readonly number[]) => graph.input(name, "F32", dims);
  const operands = {
    grad: of("grad", size),
    factor: of("factor", [1]),
    hyper: of("hyper", [3]),
    theta: of("theta", size),
  };
  const codes = { m: graph.input("m", "U8", size), v: graph.input("v", "U8", size) };
  const state = { ...codes, mScale: of("mScale", blocks), vScale: of("vScale", blocks) };
  adamw8.node(graph, { ...operands, ...state }, { ...rule, weightDecay, learningRateScale: 1 });
  return new GraphRunner(graph, graph.nodes, backend);
}

for (const backend of ["cpu", "reference"] as const) {
  test(`20 steps of adamw8 equal bitsandbytes' parameters, codes and scales, on ${backend}`, async () => {
    const run = runner(backend, 0.01);
    let made: Record<string, Float64Array> = { theta: Float64Array.from(values(count, 1)) };
    for (let step = 1; step <= 20; step++) {
      const hyper = hyperOf(1e-2, step, { beta1, beta2 });
      const { theta = [], m = [], v = [], mScale = [], vScale = [] } = made;
      made = await run.run({ theta, m, v, mScale, vScale, grad: gradient(step - 1), factor: [1], hyper });
    }
    run.close();
    const start = values(count, 1);
    const update = (theta: ArrayLike<number>) => Float64Array.from(theta, (value, at) => value - start[at]!);
    const away = relativeError(update(made.theta!), update(golden.values("theta")));
    assert.ok(away < 1e-4, `the update is ${away} away`);
    for (const name of ["m", "v"] as const) {
      const differences = golden.bytes(name).map((code, at) => Math.abs(code - made[name]![at]!));
      assert.ok(Math.max(...differences) <= 1, `${name}: a code is more than one place away`);
      const others = differences.filter((difference) => difference > 0).length;
      assert.ok(others <= 4, `${name}: ${others} of ${count} codes differ`);
      assert.ok(relativeError(made[`${name}Scale`]!, golden.values(`${name}Scale`)) < 1e-6, name);
    }
    // Elements that never had a gradient have moments of exactly 0, and only decay.
    for (let at = 0; at < count; at += 7) assert.equal(made.v![at], 0);
  });
}

test("the codes stand for the values of bitsandbytes' dynamic maps", async () => {
  const run = runner("cpu", 0, [256], [1]);
  const codes = Float64Array.from({ length: 256 }, (_, code) => code);
  // Without a gradient, theta = −β₁·m at a rate of epsilon where v = 0, and −β₁/√(β₂·v) at a rate of 1 where m = 1.
  const none = { factor: [1], mScale: [1], vScale: [1] };
  const signed = (await run.run({ ...none, m: codes, hyper: [1e-8, 1, 1] })).theta!;
  const largest = new Float64Array(256).fill(255);
  const unsigned = (await run.run({ ...none, m: largest, v: codes, hyper: [1, 1, 1] })).theta!;
  run.close();
  const ofSigned = signed.map((value) => -value / beta1);
  assert.ok(relativeError(ofSigned, golden.values("map/signed")) < 1e-6);
  const ofUnsigned = unsigned.map((value) => (-beta1 / value - eps) ** 2 / beta2);
  assert.ok(relativeError(ofUnsigned.subarray(1), golden.values("map/unsigned").subarray(1)) < 1e-6);
});
