import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { adamw } from "./op.ts";

const beta1 = 0.9;
const beta2 = 0.99;
const eps = 1e-6;
const rate = 0.01;
const count = 7;

test("adamw: three steps match the published algorithm, with decay and clipping", async () => {
  const graph = new Graph();
  const of = (name: string, size: number) => graph.input(name, "F64", [size]);
  const operands = { grad: of("grad", count), factor: of("factor", 1), hyper: of("hyper", 3) };
  const state = { theta: of("theta", count), m: of("m", count), v: of("v", count) };
  const rule = { oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 };
  const attributes = { ...rule, eps, weightDecay: 0.1, learningRateScale: 0.5 };
  adamw.node(graph, { ...operands, ...state }, attributes);
  const runner = new GraphRunner(graph);
  let made: Record<string, Float64Array> = { theta: randomValues(count, 1) };
  const plain = { theta: [...randomValues(count, 1)], m: Array(count).fill(0), v: Array(count).fill(0) };
  for (let step = 1; step <= 3; step++) {
    const grad = randomValues(count, 10 + step);
    const hyper = [rate, 1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
    made = await runner.run({ theta: made.theta!, m: made.m ?? [], v: made.v ?? [], grad, factor: [0.8], hyper });
    plainStep(plain, grad, step);
  }
  runner.close();
  // Attributes are stored in single precision.
  for (const name of ["theta", "m", "v"] as const) assert(relativeError(made[name]!, plain[name]) < 1e-6, name);
});

test("adamw: parameters without any gradient do not change, with the smallest epsilon that settings allow", async () => {
  const graph = new Graph();
  const of = (name: string, size: number) => graph.input(name, "F32", [size]);
  const operands = { grad: of("grad", count), factor: of("factor", 1), hyper: of("hyper", 3) };
  const state = { theta: of("theta", count), m: of("m", count), v: of("v", count) };
  const rule = { oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 };
  adamw.node(graph, { ...operands, ...state }, { ...rule, eps: 1e-30, weightDecay: 0, learningRateScale: 1 });
  const runner = new GraphRunner(graph);
  const theta = Array(count).fill(2);
  const zeros = { m: [], v: [], grad: [] };
  const made = await runner.run({ theta, ...zeros, factor: [1], hyper: [rate, 1 - beta1, Math.sqrt(1 - beta2)] });
  runner.close();
  assert.deepEqual([...made.theta!], theta);
});

/** Loshchilov & Hutter 2019, algorithm 2, with a gradient scaled by 0.8, decay 0.1 and half of the rate. */
function plainStep(state: { theta: number[]; m: number[]; v: number[] }, grad: ArrayLike<number>, step: number): void {
  for (let i = 0; i < count; i++) {
    const g = 0.8 * (grad[i] ?? 0);
    const lr = 0.5 * rate;
    state.m[i] = beta1 * state.m[i]! + (1 - beta1) * g;
    state.v[i] = beta2 * state.v[i]! + (1 - beta2) * g * g;
    const mHat = state.m[i]! / (1 - beta1 ** step);
    const vHat = state.v[i]! / (1 - beta2 ** step);
    state.theta[i] = state.theta[i]! * (1 - lr * 0.1) - (lr * mHat) / (Math.sqrt(vHat) + eps);
  }
}
