import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { LimitRange, Node } from "../jobs/resources.ts";
import { aSpec, pinnedStatus } from "../testing/builders.ts";
import { aPlan } from "../testing/worlds.ts";
import { fitMessage, gpuMemory, largestNode, memoryLimit, planKey, podMemory } from "./fit.ts";
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

test("a GPU's memory is that of the smallest one that the pod may get, by labels, class or deviceMemory", () => {
  const gpuNode = (product: string | undefined, mebibytes: number, count = "1", resource = "nvidia.com/gpu"): Node => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: `${product}`,
      labels: {
        "kubernetes.io/arch": "amd64",
        [`${resource}.memory`]: `${mebibytes}`,
        ...(product !== undefined && { [`${resource}.product`]: product }),
      },
    },
    status: { allocatable: { memory: "64Gi", [resource]: count } },
  });
  const gibibytes = (count: number) => Math.floor(count * 2 ** 30);
  const [l4, a100] = [gpuNode("NVIDIA-L4", 23034), gpuNode("NVIDIA-A100-SXM4-80GB", 81920)];
  const slice = "nvidia.com/mig-3g.40gb";
  const rows: [string, readonly Node[], object, ReturnType<typeof gpuMemory>][] = [
    ["a listed product", [l4], {}, { bytes: gibibytes(22.03), from: "the GPUs of the nodes", gpu: "NVIDIA-L4" }],
    [
      "a shared one",
      [gpuNode("NVIDIA-L4-SHARED", 23034)],
      { deviceMemory: "10Gi" },
      { bytes: gibibytes(10), from: "placement.deviceMemory", gpu: "NVIDIA-L4" },
    ],
    [
      "two products",
      [a100, l4],
      {},
      {
        bytes: gibibytes(22.03),
        from: "the smallest GPU that the pod may get; placement.gpuClass: NVIDIA-A100-SXM4-80GB has 79.1 GiB",
        gpu: "NVIDIA-L4",
      },
    ],
    [
      "the class of one of them",
      [a100, l4],
      { gpuClass: "NVIDIA-A100-SXM4-80GB" },
      { bytes: gibibytes(79.14), from: "the GPUs of the nodes", gpu: "NVIDIA-A100-SXM4-80GB" },
    ],
    [
      "an unlisted product",
      [gpuNode("New", 1000)],
      {},
      { bytes: 970 * 2 ** 20, from: "the GPUs of the nodes", gpu: "New" },
    ],
    ["no product", [gpuNode(undefined, 1000)], {}, { bytes: 970 * 2 ** 20, from: "the GPUs of the nodes" }],
    [
      "a slice",
      [l4, gpuNode("A100-MIG-3g.40gb", 40000, "2", slice)],
      { gpuResourceName: slice },
      { bytes: Math.floor(40000 * 2 ** 20 * 0.97), from: "the GPUs of the nodes", gpu: "A100-MIG-3g.40gb" },
    ],
    [
      "a class without a node",
      [l4],
      { gpuClass: "NVIDIA-H200" },
      { bytes: gibibytes(139.72), from: "placement.gpuClass", gpu: "NVIDIA-H200" },
    ],
    ["no plugin", [gpuNode("NVIDIA-L4", 23034, "0")], {}, undefined],
    ["no label, no deviceMemory", [node("8Gi")], {}, undefined],
    ["deviceMemory alone", [], { deviceMemory: "22Gi" }, { bytes: 22 * 2 ** 30, from: "placement.deviceMemory" }],
    [
      "more than there is",
      [l4],
      { deviceMemory: "80Gi" },
      { bytes: gibibytes(22.03), from: "the GPUs of the nodes", gpu: "NVIDIA-L4" },
    ],
  ];
  for (const [name, nodes, placement, expected] of rows)
    assert.deepEqual(gpuMemory(nodes, { gpusPerNode: 1, ...placement }), expected, name);
  assert.equal(gpuMemory([l4], { gpusPerNode: 0 }), undefined);
});

test("a plan for a GPU says on which one it fits, or what would", async () => {
  const onGpu = aSpec({ placement: { gpusPerNode: 1 } });
  const ask = async (available: Parameters<Planner["plan"]>[1]["available"]) => {
    const answer = await new Planner().plan(planKey(onGpu, pins!, undefined), {
      spec: onGpu,
      inputs: inputs!,
      available,
    });
    assert.ok(answer.kind === "planned");
    return { fits: answer.plan.fits, words: fitMessage(answer.plan) };
  };
  const from = "the GPUs of the nodes";
  const roomy = await ask({ bytes: 2 ** 31, from, gpu: "NVIDIA-L4" });
  assert.match(roomy.words, /^The run needs 8\d\d MiB of 2\.0+ GiB on NVIDIA-L4\.$/);
  const tight = await ask({ bytes: 2 ** 29, from, gpu: "NVIDIA-L4" });
  assert.equal(tight.fits, false);
  assert.match(
    tight.words,
    /^The run needs 7\d\d MiB of GPU memory, and 512 MiB are available on NVIDIA-L4 \(the GPUs of the nodes\)\. No batch is small enough: choose a larger GPU by placement\.gpuClass\.$/,
  );
  const unknown = await ask(undefined);
  assert.match(unknown.words, /knows no GPU to compare that with: .* or set placement\.deviceMemory\.$/);
  assert.notEqual(planKey(onGpu, pins!, undefined), planKey(spec, pins!, undefined));
});

test("the trainer's planner answers from a separate thread", async () => {
  const planner = new Planner();
  const ask = (availableBytes: number) =>
    planner.plan(planKey(spec, pins!, undefined), {
      spec,
      inputs: inputs!,
      available: { bytes: availableBytes, from: "a limit" },
    });
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
      available: { bytes: 2 ** 31, from: "a limit" },
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
    available: { bytes: 2 ** 31, from: "a limit" },
  });
  assert.ok(plan.kind === "failed");
  assert.match(plan.message, /no_such_layer/);
  assert.equal(plan.retryAfterMs, undefined);
});

test("a hostile model configuration costs only its own plan", async () => {
  const hostile = { ...inputs!, model: { ...inputs!.model, layers: 512, vocabSize: 1_000_000, hiddenSize: 65_536 } };
  const plan = await new Planner({ timeLimitMs: 2_000 }).plan("k", {
    spec,
    inputs: hostile,
    available: { bytes: 2 ** 31, from: "a limit" },
  });
  assert.ok(plan.kind === "failed" || !plan.plan.fits);
});

test("the operator retries a planner that timed out after a back-off that doubles, and not before", async () => {
  let now = 0;
  const options = { timeLimitMs: 0, clock: () => new Date(now) };
  const planner = new Planner(options);
  const delay = async () => {
    const plan = await planner.plan("k", { spec, inputs: inputs!, available: { bytes: 2 ** 31, from: "a limit" } });
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
