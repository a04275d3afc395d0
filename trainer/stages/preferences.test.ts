/** Trainings of preferences through the stages: what they learn, what they are refused for, and that no bit is lost. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { compile } from "../compile/compile.ts";
import { effectiveSettings } from "../contract/effective.ts";
import type { Progress } from "../contract/progress.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { plan } from "../planning/plan.ts";
import { cpuTarget } from "../planning/target.ts";
import { aSpec, tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

type Objective = NonNullable<NonNullable<TrainingSpec["training"]>["objective"]>;

const word = (odd: boolean) => (odd ? "no" : "yes");
const question = (index: number) => [{ role: "user", content: `${index % 2 ? "odd" : "even"} ${index}` }];
const answer = (content: string) => [{ role: "assistant", content }];

/** The right answer is preferred. */
const pairs = Array.from({ length: 40 }, (_, index) => ({
  prompt: question(index),
  chosen: answer(word(index % 2 === 1)),
  rejected: answer(word(index % 2 === 0)),
}));
/** Right and wrong answers with their labels. */
const labelled = Array.from({ length: 40 }, (_, index) => ({
  prompt: question(index),
  completion: answer(word(index % 4 < 2)),
  label: index % 4 < 2 === (index % 2 === 1),
}));

const make = async (t: TestContext, objective: Objective, changes: TinyOptions = {}) => {
  const rows = objective.type === "KTO" ? labelled : pairs;
  const training = {
    maxSteps: 8,
    batchTokens: 512,
    learningRate: "1e-2",
    keep: "Last" as const,
    objective,
    ...changes.training,
  };
  const dataset = { maxSequenceLength: 128 };
  return await TinyTraining.make(t, { rows, shape: { contextLength: 256 }, dataset, ...changes, training });
};

const weightsOf = async (training: TinyTraining) =>
  await readFile(`${await training.runPath()}/adapter/adapter_model.safetensors`);

async function stoppedAfter(training: TinyTraining, step: number): Promise<void> {
  const controller = new AbortController();
  const onProgress = ({ phase, done }: Progress) => phase === "Training" && done >= step && controller.abort();
  const context = { ...training.context(), onProgress, signal: controller.signal };
  await assert.rejects(runTrain(await training.trainFile(), context), { code: 10 });
}

for (const [objective, changes] of [
  [{ type: "DPO", beta: "0.5" }, { method: { lora: { rank: 4, dropout: "0.1" } } }],
  [{ type: "DPO" }, { method: { lora: { rank: 2, initialization: "PiSSA" } } }],
  [
    { type: "ORPO", lambda: "1" },
    { method: { dora: { rank: 4 } }, quantization: { type: "NF4" } },
  ],
  [{ type: "KTO", beta: "0.5" }, { method: { lora: { rank: 4 } } }],
] as const) {
  const method = Object.keys(changes.method)[0];
  const name = `${objective.type} of ${method}${"initialization" in Object.values(changes.method)[0]! ? " from the base" : ""}`;
  test(`${name} learns what is preferred, and gives the same bytes when it is stopped, resumed and run on two threads`, async (t) => {
    const [whole, parts] = [await make(t, objective, changes), await make(t, objective, changes)];
    const { figures } = await runTrain(await whole.trainFile(), whole.context());
    await stoppedAfter(parts, 3);
    const resumed = await runTrain(await parts.trainFile(), { ...parts.context(), threads: 2 });
    assert.deepEqual(await weightsOf(parts), await weightsOf(whole));
    const facts = ({ loss, evalLoss, evalRewardAccuracy, evalRewardMargin }: typeof figures) => [
      loss,
      evalLoss,
      evalRewardAccuracy,
      evalRewardMargin,
    ];
    assert.deepEqual(facts(resumed.figures), facts(figures));
    const lines = (await readFile(`${await parts.runPath()}/metrics.jsonl`, "utf8")).trim().split("\n");
    const [first, ...others]: Progress[] = lines.map((line) => JSON.parse(line));
    const last = others.at(-1)!;
    assert.ok(last.rewardMargin! > first!.rewardMargin!);
    assert.deepEqual([last.evalRewardAccuracy, last.evalRewardMargin], facts(figures).slice(2));
  });
}

test("rows of another form than the objective's are refused with their line and the fix", async (t) => {
  const prepare = async (rows: readonly object[], objective: Objective) => {
    const tiny = await TinyTraining.make(t, { rows, training: { objective } });
    await tiny.prepare();
  };
  const supervised = { messages: [...question(1), ...answer("no")] };
  await assert.rejects(prepare([supervised], { type: "DPO" }), {
    reason: "BadRow",
    message:
      /train\.jsonl:1: has no chosen and rejected, which training\.objective learns from.*set the objective to Supervised/,
  });
  await assert.rejects(prepare([pairs[0]!, supervised], { type: "ORPO" }), { message: /train\.jsonl:2: / });
  await assert.rejects(prepare([supervised], { type: "KTO" }), {
    message: /train\.jsonl:1: has neither an answer with its label \(prompt, completion and label;/,
  });
  await assert.rejects(prepare(pairs, { type: "Supervised" }), {
    message: /train\.jsonl:1: has chosen and rejected: set training\.objective to DPO, ORPO or KTO/,
  });
  await assert.rejects(prepare(labelled, { type: "Supervised" }), {
    message:
      /train\.jsonl:\d+: label: is false, which marks an answer that is not wanted: set training\.objective to KTO/,
  });
});

test("KTO learns from pairs too: each answer by itself", async (t) => {
  const tiny = await make(t, { type: "KTO" }, { rows: pairs, training: { maxSteps: 2 } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  assert.ok(figures.evalRewardMargin! > 0);
});

test("the reference's pass keeps nothing: DPO's activations are at most a twentieth above a supervised step's", () => {
  const arena = (objective?: { type: "DPO"; beta: number }) => {
    const { training, ...spec } = aSpec({ method: tinyLora, rowTokens: 48, model: { ...tinyModel, layers: 6 } });
    const compiled = compile({ ...spec, training: { ...training!, ...(objective && { objective }) } });
    const trainedRows = compiled.trainedRowBuckets.at(-1)!;
    const { arenaBytes, flops } = compiled.program({ program: "micro", trainedRows });
    return { arenaBytes, flops, weights: compiled.weights.length };
  };
  const [supervised, dpo] = [arena(), arena({ type: "DPO", beta: 0.1 })];
  assert.ok(dpo.arenaBytes < 1.05 * supervised.arenaBytes, `${dpo.arenaBytes} of ${supervised.arenaBytes}`);
  assert.ok(dpo.flops > 1.2 * supervised.flops, "the plan counts the second pass");
  assert.equal(dpo.weights, supervised.weights, "the reference is the base's own weights");
});

function planOf(method: TrainingSpec["method"], type: Objective["type"]) {
  const settings = effectiveSettings({
    baseModel: { uri: "file:///base" },
    dataset: { sources: [{ uri: "file:///data" }], maxSequenceLength: 32 },
    method,
    training: { objective: { type } },
  });
  const dataset = { rows: 4, examples: 8, tokens: 100, validationExamples: 0, testExamples: 0 };
  const input = {
    settings,
    model: tinyModel,
    baseDataType: "F32",
    dataset,
    target: cpuTarget(1),
    isRemote: false,
  } as const;
  return plan({ ...input, availableBytes: 1e9 });
}

test("a plan refuses a reference that a training of the whole model would not keep", () => {
  assert.throws(() => planOf({ full: {} }, "DPO"), /compare with the base, of which method\.full/);
});

test("a plan refuses FISH Mask with every objective of preferences", () => {
  for (const type of ["DPO", "ORPO", "KTO"] as const)
    assert.throws(
      () => planOf({ fishMask: {} }, type),
      /method\.fishMask .* cannot learn from preferences: set .* Supervised/,
    );
  assert.ok(planOf({ fishMask: {} }, "Supervised"));
});

test("EVA's pass before training runs with KTO", async (t) => {
  const method = { lora: { rank: 2, initialization: "EVA" as const } };
  const tiny = await make(t, { type: "KTO" }, { method, training: { maxSteps: 2 } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  assert.equal(figures.steps, 2);
});
