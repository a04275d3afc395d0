import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { type EffectiveSettings, effectiveSettings } from "../contract/effective.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { lowerHull, PlanError, type PlanInput, plan, recomputeFrontier } from "./plan.ts";
import { cpuTarget } from "./target.ts";

const model: PlanInput["model"] = {
  family: "llama",
  vocabSize: 1000,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 6,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  contextLength: 1024,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  tieWordEmbeddings: true,
};

function settings(changes: Partial<TrainingSpec> = {}): EffectiveSettings {
  return effectiveSettings({
    baseModel: { uri: "pvc://base/model" },
    dataset: { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 512 },
    method: { lora: {} },
    evaluation: { test: { uri: "pvc://data/test.jsonl" }, metrics: ["ExactMatch"] },
    ...changes,
  });
}

const planned = (changes: Partial<PlanInput> = {}) => plan(inputWith(changes));

const inputWith = (changes: Partial<PlanInput> = {}): PlanInput => ({
  settings: settings(),
  model,
  baseDataType: "BF16",
  dataset: { rows: 100, examples: 400, tokens: 50_000, validationExamples: 40, testExamples: 50 },
  availableBytes: 8e9,
  target: cpuTarget(2),
  isRemote: false,
  ...changes,
});

test("the predicted peak equals the compiler's layout to the byte", () => {
  const { spec, memory, predictedPeakBytes } = planned();
  const { weights, stateBytes, arenaBytes, ioBytes, scratch } = compile(spec);
  assert.equal(memory.parameters + memory.derived + memory.gradients + memory.moments + memory.cache, stateBytes);
  assert.equal(memory.activations, arenaBytes);
  assert.equal(memory.io, ioBytes);
  assert.equal(memory.weights, 2 * weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0));
  assert.equal(memory.scratch, 2 * scratch.thread + scratch.shared);
  const beside = memory.best + memory.data + memory.process;
  assert.equal(predictedPeakBytes, memory.weights + stateBytes + arenaBytes + ioBytes + memory.scratch + beside);
});

test("an NF4 base is planned to the byte, scales and their scales included", () => {
  const onNf4 = (doubleQuantization: boolean) => {
    const quantization = { type: "NF4", doubleQuantization } as const;
    return planned({ settings: settings({ baseModel: { uri: "pvc://base/model", quantization } }) });
  };
  const elements = [128 * 128, 64 * 128, 64 * 128, 128 * 128, 384 * 128, 384 * 128, 384 * 128];
  const dense = 2 * (1000 * 128 + 13 * 128);
  const sum = (bytes: (n: number) => number) => dense + 6 * elements.reduce((total, n) => total + bytes(n), 0);
  assert.equal(
    onNf4(false).memory.weights,
    sum((n) => n / 2 + 4 * (n / 64)),
  );
  const scales = (n: number) => Math.ceil(n / 64 / 256) + 1;
  assert.equal(
    onNf4(true).memory.weights,
    sum((n) => n / 2 + n / 64 + 4 * scales(n)),
  );
  const [{ memory, ...nf4 }, plain] = [onNf4(true), planned()];
  assert.deepEqual({ ...memory, weights: 0 }, { ...plain.memory, weights: 0 });
  assert.deepEqual(
    [nf4.trainableParameters, nf4.totalParameters, nf4.spec.storage.linear],
    [plain.trainableParameters, plain.totalParameters, "NF4"],
  );
});

test("the number of parameters equals the paper's", () => {
  const base = 1000 * 128 + 6 * (128 * (128 + 64 + 64 + 128) + 3 * 128 * 384) + 13 * 128;
  const lora = 6 * 16 * (4 * 128 + 128 + 64 + 64 + 128 + 3 * (128 + 384));
  assert.deepEqual([planned().trainableParameters, planned().totalParameters], [lora, base + lora]);
  const full = planned({ settings: settings({ method: { full: {} } }) });
  assert.deepEqual([full.trainableParameters, full.totalParameters], [base, base]);
  const qwen3 = planned({ model: { ...model, family: "qwen3" } });
  assert.deepEqual([qwen3.trainableParameters, qwen3.totalParameters], [lora, base + 6 * 2 * 32 + lora]);
});

test("the number of steps follows from rows, epochs and rows per step, or from maxSteps", () => {
  assert.equal(planned().steps, 7);
  assert.equal(planned({ settings: settings({ training: { epochs: "2.5" } }) }).steps, 16);
  assert.equal(planned({ settings: settings({ training: { maxSteps: 40 } }) }).steps, 40);
});

/** Without the peak of its start, which is all that a tiny model takes. */
const target = { ...cpuTarget(2), startBytes: 0 };

test("a plan is not below the peak of the process's start", () => {
  const { memory, predictedPeakBytes } = planned({
    model: { ...model, layers: 1 },
    settings: settings({ evaluation: undefined }),
  });
  assert.equal(predictedPeakBytes, cpuTarget(2).startBytes);
  assert.equal(
    Object.values(memory).reduce((sum, bytes) => sum + bytes),
    predictedPeakBytes,
  );
});

test("a plan on a CPU holds the larger of a step's memory and that of finding EVA's directions in all rows of a step", () => {
  const of = (batchTokens: number, initialization: "EVA" | "Gaussian") =>
    planned({
      target,
      settings: settings({
        method: { lora: { rank: 4, initialization, ...(initialization === "EVA" && { evaRho: 1 }) } },
        training: { batchTokens },
        evaluation: undefined,
      }),
    }).predictedPeakBytes;
  // At least the gathered inputs of a block and the stacked matrix of the widest: 3 inputs of 128 and one of 384.
  const [large, larger] = [of(65_536, "EVA"), of(131_072, "EVA")];
  assert.ok(large > of(65_536, "Gaussian"));
  const perToken = 4 * (3 * 128 + 384) + 4 * 384;
  const vectors = 3 * 4 + 32;
  const ofDecomposition = 8 * (vectors + 4 + Math.ceil((vectors - 4) / 2) + 4);
  assert.equal(larger - large, 65_536 * (perToken + ofDecomposition));
  assert.equal(of(131_072, "Gaussian"), of(65_536, "Gaussian"));
});

test("with less memory the planner shrinks the micro-batch, then recomputes blocks, then names a change that would fit", () => {
  const ample = planned({ target });
  assert.deepEqual([ample.microRows, ample.recomputedBlocks, ample.fits], [4, 0, true]);
  const seen: string[] = [];
  for (let available = ample.predictedPeakBytes; ; available -= 1e7) {
    const made = planned({ availableBytes: available, target });
    seen.push(`${made.microRows}/${made.recomputedBlocks}`);
    if (!made.fits) {
      assert(made.nearestFit);
      assert.match(made.nearestFit.change, /^dataset\.maxSequenceLength: (256|128)$/);
      assert(made.nearestFit.predictedPeakBytes <= available);
      break;
    }
    assert(made.predictedPeakBytes <= available);
  }
  const steps = [...new Set(seen)];
  assert.equal(steps[0], "4/0");
  assert(steps.includes("1/0"), steps.join(" "));
  assert.equal(steps.at(-1), "1/6", "everything recomputed before giving up");
  const recomputed = steps.map((step) => Number(step.split("/")[1]));
  assert.deepEqual(
    recomputed,
    [...recomputed].sort((a, b) => a - b),
  );
});

test("the nearest settings that fit have the same peak as their own plan", () => {
  // Logits take most of the memory, so half the tokens need no recomputing.
  const wide = (maxSequenceLength: number, availableBytes: number) => {
    const dataset = { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength };
    const wideModel = { ...model, vocabSize: 32_000, layers: 2 };
    return planned({
      model: wideModel,
      target,
      availableBytes,
      settings: settings({ dataset, evaluation: undefined }),
    });
  };
  const available = wide(512, 1).predictedPeakBytes - 1;
  const { nearestFit } = wide(512, available);
  const nearest = wide(256, available);
  assert.deepEqual([nearest.fits, nearest.recomputedBlocks], [true, 0]);
  const { predictedPeakBytes } = nearest;
  assert.deepEqual(nearestFit, { change: "dataset.maxSequenceLength: 256", predictedPeakBytes });
});

test("a change that the method does not allow is not the nearest fit, and the job is too large, not refused", () => {
  const methods: TrainingSpec["method"][] = [
    { lora: { initialization: "PiSSA" } },
    { lora: { modulesToSave: ["q_proj"] } },
  ];
  for (const method of methods) {
    const made = planned({ settings: settings({ method }), availableBytes: 1e6, target });
    assert.deepEqual([made.fits, made.nearestFit], [false, undefined]);
    assert.ok(made.predictedPeakBytes > 1e6);
  }
});

test("the nearest fit keeps rows at least twice as long as the overlap of a text", () => {
  const nearest = (textOverlap: number) => {
    const dataset = { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 512, textOverlap };
    const changes = {
      model: { ...model, vocabSize: 32_000, layers: 2 },
      target,
      settings: settings({ dataset, evaluation: undefined }),
    };
    const { predictedPeakBytes } = planned({ ...changes, availableBytes: 1 });
    return planned({ ...changes, availableBytes: predictedPeakBytes - 1 }).nearestFit?.change;
  };
  assert.equal(nearest(128), "dataset.maxSequenceLength: 256");
  assert.doesNotMatch(nearest(129) ?? "", /maxSequenceLength/);
});

test("AdaLoRA needs steps in which ranks fall", () => {
  const method = { adalora: { initialSteps: 30, finalSteps: 10 } };
  const of = (maxSteps: number) => planned({ settings: settings({ method, training: { maxSteps } }) });
  assert.equal(of(41).steps, 41);
  assert.throws(
    () => of(40),
    (error) =>
      error instanceof PlanError &&
      /method\.adalora\.initialSteps 30 and finalSteps 10 .* 40 steps .*lower them, or raise training\./.test(
        error.message,
      ),
  );
});

test("on the frontier of recomputing, each further block saves less memory per operation", () => {
  const input = inputWith();
  const frontier = recomputeFrontier(input, plan(input));
  assert(frontier.length > 2);
  // The topmost block's results are needed next, so recomputing them saves nothing.
  assert.deepEqual([frontier[0]?.recomputedBlocks, frontier.at(-1)?.recomputedBlocks], [0, 5]);
  const prices = frontier.slice(1).map((choice, i) => {
    const before = frontier[i]!;
    const saved = before.predictedPeakBytes - choice.predictedPeakBytes;
    assert(saved > 0 && choice.flopsPerStep > before.flopsPerStep);
    return (choice.flopsPerStep - before.flopsPerStep) / saved;
  });
  assert.deepEqual(
    prices,
    prices.toSorted((a, b) => a - b),
  );
  const choice = (recomputedBlocks: number, predictedPeakBytes: number, flopsPerStep: number) => ({
    recomputedBlocks,
    predictedPeakBytes,
    flopsPerStep,
  });
  const dear = choice(1, 90, 19);
  assert.deepEqual(lowerHull([choice(0, 100, 10), dear, choice(2, 60, 20), choice(3, 60, 30)]), [
    choice(0, 100, 10),
    choice(2, 60, 20),
  ]);
});

test("a micro-batch divides a step's rows evenly", () => {
  const sixRows = settings({ training: { batchTokens: 6 * 512 } });
  assert.equal(planned({ settings: sixRows }).microRows, 3, "two of three, not four and two");
});

test("settings that cannot be trained are refused with the fix", () => {
  const wrong = settings({ method: { lora: { targetModules: ["c_attn"] } } });
  assert.throws(
    () => planned({ settings: wrong }),
    (error) => error instanceof PlanError && /c_attn.*q_proj/.test(error.message),
  );
});

test("a method's state beyond the moments is planned to the byte", () => {
  const { spec, memory } = planned({ settings: settings({ method: { adalora: { initialRank: 4, targetRank: 2 } } }) });
  const { state } = compile(spec);
  const bytes = (role: string) =>
    state
      .filter((tensor) => tensor.role === role)
      .reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b), 0);
  // Sensitivity and uncertainty of every parameter, and the mask of kept triplets.
  assert.equal(bytes("method"), 2 * bytes("parameter") + 4 * 4 * 7 * model.layers);
  assert.ok(memory.moments >= bytes("moment1") + bytes("moment2") + bytes("method"));
});

test("whole modules, the embedding's update and PiSSA's initial values are counted and planned to the byte", () => {
  const untied = { ...model, tieWordEmbeddings: false };
  const of = (lora: NonNullable<TrainingSpec["method"]["lora"]>, changes: Partial<PlanInput> = {}) => {
    const { memory, trainableParameters, totalParameters } = planned({
      settings: settings({ method: { lora: { rank: 4, targetModules: ["q_proj"], ...lora } } }),
      ...changes,
    });
    const { parameters, gradients, moments } = memory;
    return { trainableParameters, totalParameters, parameters, gradients, moments };
  };
  const added = (plan: ReturnType<typeof of>, usual: ReturnType<typeof of>) =>
    Object.entries(usual).map(([name, value]) => plan[name as keyof typeof plan] - value);
  const [usual, onUntied] = [of({}), of({}, { model: untied })];

  // The base's own tensors are new parameters of the training, not of the model.
  const [norms, matrix] = [13 * 128, 1000 * 128];
  const saved = of({ modulesToSave: ["norm", "lm_head"] }, { model: untied });
  const whole = norms + matrix;
  assert.deepEqual(added(saved, onUntied), [whole, 0, 4 * whole, 4 * whole, 8 * whole]);

  const embedding = of({ targetModules: ["q_proj", "embed_tokens"] }, { model: untied });
  const update = 4 * (1000 + 128);
  assert.deepEqual(added(embedding, onUntied), [update, update, 4 * update, 4 * update, 8 * update]);

  const initial = 6 * 4 * (128 + 128);
  assert.deepEqual(added(of({ initialization: "PiSSA" }), usual), [0, 0, 0, 0, 4 * initial]);
});

test("a prefix takes positions of the context, so rows that fit only without it are refused", () => {
  const method = { prefixTuning: { virtualTokens: 20 } };
  const dataset = (maxSequenceLength: number) => ({
    sources: [{ uri: "pvc://data/train.jsonl" }],
    maxSequenceLength,
  });
  assert.ok(planned({ settings: settings({ method, dataset: dataset(1004) }) }).fits);
  assert.throws(
    () => planned({ settings: settings({ method, dataset: dataset(1005) }) }),
    (error) => error instanceof PlanError && /20 positions .* context of 1024: lower dataset/.test(error.message),
  );
});

test("a plan gives the bytes of a checkpoint: parameters, both moments, and the best parameters if they are kept", () => {
  const { memory, checkpointBytes } = planned();
  assert.equal(checkpointBytes, memory.parameters + memory.moments);
  const data = {
    sources: [{ uri: "pvc://data/train.jsonl" }],
    maxSequenceLength: 512,
    validation: { fraction: "0.1" },
  };
  const validated = planned({ settings: settings({ dataset: data }) });
  assert.equal(validated.checkpointBytes, memory.parameters + memory.moments + memory.parameters);
});

test("moments in 8 bits are planned to the byte, tensors under 4096 elements in 32 bits, and make checkpoints smaller", () => {
  const on = (type: "AdamW" | "AdamW8bit") =>
    planned({ settings: settings({ method: { full: {} }, training: { optimizer: { type } } }) });
  const [usual, small] = [on("AdamW"), on("AdamW8bit")];
  // Both moments of the embedding and 6 layers; the 13 norms are small. All scales fill whole cache lines but those of
  // matrices of 128 × 64: 32 scales.
  const matrices = [
    1000 * 128,
    ...Array(6)
      .fill([128 * 128, 128 * 128, 64 * 128, 64 * 128, ...Array(3).fill(384 * 128)])
      .flat(),
  ];
  const saved = matrices.reduce((sum, elements) => {
    const scales = Math.ceil((4 * Math.ceil(elements / 256)) / 64) * 64;
    return sum + 2 * (4 * elements - elements - scales);
  }, 0);
  assert.equal(usual.memory.moments - small.memory.moments, saved);
  assert.equal(usual.checkpointBytes - small.checkpointBytes, saved);
  assert.ok(small.memory.moments < 0.27 * usual.memory.moments);
  const moments = compile(small.spec).state.filter(({ role }) => role === "moment1");
  assert.deepEqual(
    new Set(moments.filter(({ name }) => name.includes("norm")).map(({ dtype }) => dtype)),
    new Set(["F32"]),
  );
});

test("a plan for a CPU says that paged state has no effect there, and plans the same memory", () => {
  const paged = planned({ settings: settings({ training: { optimizer: { type: "AdamW8bit", paged: true } } }) });
  const usual = planned({ settings: settings({ training: { optimizer: { type: "AdamW8bit" } } }) });
  assert.deepEqual(paged.notes, ["training.optimizer.paged has no effect on a CPU"]);
  assert.deepEqual(usual.notes, []);
  assert.deepEqual(paged.memory, usual.memory);
});

test("a plan gives the bytes that a pod fetches: the stored base and the data, also if the base itself is trained", () => {
  const elements = 1000 * 128 + 6 * (128 * (128 + 64 + 64 + 128) + 3 * 128 * 384) + 13 * 128;
  const full = planned({ settings: settings({ method: { full: {} } }) });
  for (const { stagedBytes } of [planned(), full])
    assert.ok(stagedBytes > 2 * elements && stagedBytes < 1.2 * (2 * elements + 5e5) + 2 ** 26);
});

test("a plan for another target does not depend on this machine: its threads, its process, its micro-batch", () => {
  const usual = planned();
  const other = planned({ target: { ...cpuTarget(16), enoughTokens: 512, processBytes: 2 ** 30 } });
  const { scratch } = compile(usual.spec);
  assert.equal(usual.memory.scratch, 2 * scratch.thread + scratch.shared);
  assert.equal(other.memory.scratch, 16 * compile(other.spec).scratch.thread + compile(other.spec).scratch.shared);
  assert.deepEqual([usual.microRows, other.microRows], [4, 1]);
  assert.ok(other.memory.process > 2 ** 30 && other.memory.process - usual.memory.process > 2 ** 29);
});

test("the planned process includes an upload to a remote store: a checkpoint, up to the size of the parts in memory", () => {
  const { memory, checkpointBytes } = planned();
  assert.equal(planned({ isRemote: true }).memory.process - memory.process, checkpointBytes);
});
