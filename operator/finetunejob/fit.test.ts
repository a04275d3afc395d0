import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { LimitRange, Node } from "../jobs/resources.ts";
import { aSpec, pinnedStatus } from "../testing/builders.ts";
import { aPlan } from "../testing/worlds.ts";
import { fitMessage, largestNode, memoryLimit, planKey, podMemory } from "./fit.ts";
import { Planner } from "./planner.ts";

const node = (memory: string, labels: Record<string, string> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: memory, labels: { "kubernetes.io/arch": "amd64", ...labels } },
  status: { allocatable: { memory } },
});
const spec = aSpec();
const { pins, inputs } = pinnedStatus(prepareKey(trainingPart(spec)));

test("a run may use its limit, else the largest node that its selector accepts", () => {
  assert.equal(memoryLimit(spec), 2 ** 31);
  const slow = node("8Gi", { disk: "slow" });
  const on = (nodeSelector: Record<string, string> = {}) => ({ gpusPerNode: 0, nodeSelector });
  const largest = { bytes: 8 * 2 ** 30, from: "the largest node" };
  assert.deepEqual(
    largestNode([node("1Gi"), node("4Gi"), node("64Gi", { "kubernetes.io/arch": "arm64" }), slow], on()),
    largest,
  );
  assert.deepEqual(largestNode([node("1Gi"), slow], on({ disk: "slow" })), largest);
  assert.equal(largestNode([node("1Gi")], on({ disk: "slow" })), undefined);
});

test("a pod without a limit gets the default of the namespace's LimitRange, which the message names", () => {
  const range = (name: string, ...limits: { type: string; memory?: string }[]): LimitRange => ({
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name },
    spec: { limits: limits.map(({ type, memory }) => ({ type, ...(memory && { default: { memory } }) })) },
  });
  const unlimited = aSpec({ placement: { gpusPerNode: 0 } });
  const ranges = [
    range("pods", { type: "Pod", memory: "1Mi" }, { type: "Container" }),
    range("wide", { type: "Container", memory: "1Gi" }),
    range("small", { type: "Container", memory: "256Mi" }),
  ];
  const small = { bytes: 2 ** 28, from: "the default limit of LimitRange small" };
  assert.deepEqual(podMemory(unlimited, ranges), small);
  assert.equal(podMemory(unlimited, ranges.slice(0, 1)), undefined);
  assert.deepEqual(podMemory(spec, ranges), { bytes: 2 ** 31, from: "placement.resources.limits.memory" });
  const tooLarge = aPlan(false);
  assert.ok(tooLarge.kind === "planned");
  const plan = { ...tooLarge.plan, availableBytes: small.bytes, availableFrom: small.from };
  assert.match(
    fitMessage(plan),
    /needs 3\.00? GiB of memory, and 256 MiB are available \(the default limit of LimitRange small\)\. .*Set placement\.resources\.limits\.memory\.$/,
  );
  assert.notEqual(planKey(unlimited, pins!, small), planKey(unlimited, pins!, undefined));
});

test("the trainer's planner answers from a separate thread", async () => {
  const planner = new Planner();
  const ask = (availableBytes: number) =>
    planner.plan(planKey(spec, pins!, undefined), { spec, inputs: inputs!, availableBytes });
  const roomy = await ask(2 ** 31);
  assert.ok(roomy.kind === "planned" && roomy.plan.fits && roomy.plan.steps > 0);
  const tight = await ask(160 * 2 ** 20);
  assert.ok(tight.kind === "planned" && tight.plan.predictedPeakBytes > 118 * 2 ** 20);
  const tiny = await ask(10 * 2 ** 20);
  assert.ok(tiny.kind === "planned" && !tiny.plan.fits);
  assert.match(fitMessage(tiny.plan), /needs .* MiB of memory, and 10\.0 MiB are available/);
});

test("the plan counts a quantised base with half a byte per weight, and its scales", async () => {
  const planned = async (quantization?: { type: "NF4"; doubleQuantization?: boolean }) => {
    const on = aSpec({ baseModel: { uri: "pvc://inputs/model", ...(quantization && { quantization }) } });
    const made = await new Planner().plan(planKey(on, pins!, undefined), {
      spec: on,
      inputs: inputs!,
      availableBytes: 2 ** 31,
    });
    assert.ok(made.kind === "planned");
    return made.plan.predictedPeakBytes;
  };
  // Two blocks with heads of 64, 32, 32, 64 rows and a feed-forward of 128.
  const weights = [64 * 64, 32 * 64, 32 * 64, 64 * 64, 128 * 64, 128 * 64, 128 * 64];
  const saved = (bytes: (n: number) => number) => 2 * weights.reduce((sum, n) => sum + 2 * n - bytes(n), 0);
  const plain = await planned();
  assert.equal(
    plain - (await planned({ type: "NF4", doubleQuantization: false })),
    saved((n) => n / 2 + n / 16),
  );
  assert.equal(
    plain - (await planned({ type: "NF4" })),
    saved((n) => n / 2 + n / 64 + 8),
  );
});

test("settings that do not suit the model give an answer, not a crash", async () => {
  const wrong = aSpec({ method: { lora: { targetModules: ["no_such_layer"] } } });
  const plan = await new Planner().plan(planKey(wrong, pins!, undefined), {
    spec: wrong,
    inputs: inputs!,
    availableBytes: 2 ** 31,
  });
  assert.ok(plan.kind === "failed");
  assert.match(plan.message, /no_such_layer/);
  assert.equal(plan.retryAfterMs, undefined);
});

test("a hostile model configuration costs only its own plan", async () => {
  const hostile = { ...inputs!, model: { ...inputs!.model, layers: 512, vocabSize: 1_000_000, hiddenSize: 65_536 } };
  const plan = await new Planner({ timeLimitMs: 2_000 }).plan("k", { spec, inputs: hostile, availableBytes: 2 ** 31 });
  assert.ok(plan.kind === "failed" || !plan.plan.fits);
});

test("the operator retries a planner that timed out after a back-off that doubles, and not before", async () => {
  let now = 0;
  const options = { timeLimitMs: 0, clock: () => new Date(now) };
  const planner = new Planner(options);
  const delay = async () => {
    const plan = await planner.plan("k", { spec, inputs: inputs!, availableBytes: 2 ** 31 });
    assert.ok(plan.kind === "failed");
    return plan.retryAfterMs;
  };
  const expected = [
    { at: 0, delay: 60_000 },
    { at: 59_000, delay: 1_000 },
    { at: 60_000, delay: 120_000 },
    { at: 180_000, delay: 240_000 },
  ];
  for (const one of expected) {
    now = one.at;
    assert.equal(await delay(), one.delay);
  }
});
