/**
 * Every method with every objective of preferences: the loss is that of its equation, computed from the logits of the model and
 * of its base; the gradients are finite and reach every tensor; a run that is stopped and resumed has the same bytes. Or the
 * method is refused with the reason.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CompileError } from "../../trainer/compile/compile.ts";
import {
  effectiveMethod,
  type MethodSettings,
  usualMethod,
  type WrittenMethod,
} from "../../trainer/contract/methods/index.ts";
import type { PreferenceObjective } from "../../trainer/contract/objective.ts";
import type { PackedDataset } from "../../trainer/data/packed/packedDataset.ts";
import { answerRoles } from "../../trainer/data/rows/example.ts";
import { CacheForward } from "../../trainer/engine/cacheForward.ts";
import { rolesWith } from "../../trainer/graph/roles.ts";
import { registeredMethods } from "../../trainer/methods/index.ts";
import { runLoss } from "../../trainer/training/loss.ts";
import { trainStep } from "../../trainer/training/step.ts";
import { type GoldenRun, openWith, slots } from "./engines.ts";
import { type GoldenCase, readCase } from "./goldens.ts";
import { onCpu } from "./holdCases.ts";
import { givenOf } from "./randomAdapters.ts";
import { rowsOfStep } from "./rows.ts";

const objectives: readonly PreferenceObjective[] = [
  { type: "DPO", beta: 0.5 },
  { type: "ORPO", lambda: 0.5 },
  { type: "KTO", beta: 0.5, desirableWeight: 1.5, undesirableWeight: 0.5 },
];

/** A model with biases, whose head is a matrix of its own. */
const base = "base-qwen2";
const golden = readCase("dpo-lora");

/** Methods whose usual settings are for more dimensions and steps: gates and units that happen to be closed have no gradient. */
const ownSettings = new Map<string, WrittenMethod>([
  ["diffPruning", { diffPruning: { learningRateRatio: "10", density: "0.4", structured: false } }],
  ["bottleneck", { bottleneck: { reductionFactor: "2" } }],
]);

/** The settings of each method; of LoRA also those that replace or add tensors of the base. */
const methods: readonly { title: string; method: MethodSettings }[] = [
  ...registeredMethods().map(({ declaration: { kind } }) => ({
    title: kind,
    method: effectiveMethod(ownSettings.get(kind) ?? { [kind]: {} }),
  })),
  {
    title: "lora with whole modules, biases and the embedding",
    method: effectiveMethod({
      lora: { rank: 3, targetModules: ["q_proj", "embed_tokens"], bias: "All", modulesToSave: ["norm", "lm_head"] },
    }),
  },
  {
    title: "lora of PiSSA with rows of tokens",
    method: effectiveMethod({ lora: { rank: 3, initialization: "PiSSA", trainableTokens: { embed_tokens: [3, 9] } } }),
  },
];

const refusals: Readonly<Record<string, { objectives: readonly string[]; reason: RegExp }>> = {
  full: {
    objectives: ["DPO", "KTO"],
    reason: /DPO and KTO compare with the base, of which method\.full trains.*use ORPO/,
  },
  fishMask: { objectives: ["DPO", "ORPO", "KTO"], reason: /method\.fishMask .* cannot learn from preferences: set / },
};

for (const objective of objectives) {
  describe(objective.type, () => {
    for (const { title, method } of methods) {
      const plain = {
        ...golden,
        settings: { ...golden.settings, base, objective, method, learningRate: 1e-2, steps: 4 },
      };
      const refusal = refusals[method.kind];
      if (refusal?.objectives.includes(objective.type)) {
        test(`${title} is refused, with the reason`, async () => {
          const isReason = (error: unknown) => error instanceof CompileError && refusal.reason.test(error.message);
          await assert.rejects(open(plain), isReason);
        });
        continue;
      }
      test(`${title} has the loss of the equation and gradients in every tensor, and resumes to the same bytes`, () =>
        holdPreferences({ ...plain, ...givenOf(plain) }, objective));
    }
  });
}

/** Opens a case with the method's own first parameters. */
const open = (of: GoldenCase) => openWith(of, onCpu, new Map());

async function holdPreferences(ours: GoldenCase, objective: PreferenceObjective): Promise<void> {
  using whole = await open(ours);
  for (const step of [1, 2]) await train(whole, step);
  for (const { name } of whole.engine.stateOf("gradient")) {
    const values = whole.engine.floats("gradient", name);
    assert.ok(values.every(Number.isFinite) && values.some((value) => value !== 0), `the gradient of ${name}`);
  }
  using resumed = await open(ours);
  restore(resumed, whole);
  await resumed.engine.run({ program: "derive" });
  for (const step of [3, 4]) await train(whole, step);
  for (const step of [3, 4]) await train(resumed, step);
  for (const { role, name } of kept(whole))
    assert.ok(
      Buffer.compare(resumed.engine.bytes(role, name), whole.engine.bytes(role, name)) === 0,
      `${role} ${name}`,
    );

  const { dataset } = whole;
  const rows = rowsOfStep(1, dataset.rowCount);
  const { loss } = await runLoss({ ...whole, objective }, { program: "evaluate", dataset, rows });
  const { objective: _, ...supervised } = ours.settings;
  using unchanged = await open({ ...ours, given: undefined, settings: { ...supervised, method: usualMethod("full") } });
  const expected = await lossOf(objective, answersOf(dataset, rows), whole, unchanged);
  assert.ok(Math.abs(loss / expected - 1) < 1e-5, `the loss is ${loss}, and the equation gives ${expected}`);
}

const train = (run: GoldenRun, step: number) => trainStep(run, step, rowsOfStep(step, run.dataset.rowCount));

const kept = ({ engine }: GoldenRun) =>
  rolesWith(({ checkpointed }) => checkpointed).flatMap((role) =>
    engine.stateOf(role).map(({ name }) => ({ role, name })),
  );

/** Takes over the state that a checkpoint holds; everything that a program computes becomes garbage. */
function restore(into: GoldenRun, from: GoldenRun): void {
  for (const role of rolesWith(({ start }) => start === "computed"))
    for (const { name } of into.engine.stateOf(role)) into.engine.bytes(role, name).fill(0xff);
  for (const { role, name } of kept(from)) into.engine.bytes(role, name).set(from.engine.bytes(role, name));
}

interface Answer {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
  readonly isChosen: boolean;
}

function answersOf(
  { rowStart, exampleStart, tokens, trained, role }: PackedDataset,
  rows: readonly number[],
): Answer[] {
  return rows.flatMap((row) => {
    const examples = Array.from({ length: rowStart[row + 1]! - rowStart[row]! }, (_, index) => rowStart[row]! + index);
    return examples.map((example) => {
      const [start, end] = [exampleStart[example]!, exampleStart[example + 1]!];
      const first = trained.indexOf(1, start);
      const isChosen = role?.[example] === answerRoles.chosen;
      return { prompt: [...tokens.subarray(start, first)], answer: [...tokens.subarray(first, end)], isChosen };
    });
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The equations of docs/user-guide/preferences.md. */
async function lossOf(
  objective: PreferenceObjective,
  answers: readonly Answer[],
  model: GoldenRun,
  unchanged: GoldenRun,
): Promise<number> {
  const ratios = async (of: readonly Answer[]) => {
    const [ours, theirs] = [await logLikelihoods(model, of), await logLikelihoods(unchanged, of)];
    return ours.map(({ answer }, index) => sum(answer) - sum(theirs[index]!.answer));
  };
  // The chosen and the rejected answer of a pair follow each other.
  const pairs = answers.flatMap(({ isChosen }, index) => (isChosen ? [[index, index + 1] as const] : []));
  switch (objective.type) {
    case "DPO": {
      const r = await ratios(answers);
      return mean(pairs.map(([good, bad]) => -Math.log(sigmoid(objective.beta * (r[good]! - r[bad]!)))));
    }
    case "ORPO": {
      const found = await logLikelihoods(model, answers);
      const logOdds = found.map(({ answer }) => mean(answer) - Math.log1p(-Math.exp(mean(answer))));
      const learnt = pairs.flatMap(([good]) => [...found[good]!.prompt, ...found[good]!.answer]);
      const odds = pairs.map(([good, bad]) => -Math.log(sigmoid(logOdds[good]! - logOdds[bad]!)));
      return -mean(learnt) + objective.lambda * mean(odds);
    }
    case "KTO": {
      const r = await ratios(answers);
      const z = Math.max(
        0,
        mean(await ratios(answers.map((one, index) => ({ ...one, ...otherAnswer(answers, index) })))),
      );
      const { beta, desirableWeight, undesirableWeight } = objective;
      return mean(
        answers.map(({ isChosen }, index) =>
          isChosen
            ? desirableWeight * (1 - sigmoid(beta * (r[index]! - z)))
            : undesirableWeight * (1 - sigmoid(beta * (z - r[index]!))),
        ),
      );
    }
  }
}

/** That of the nearest example before, in a circle, which has another prompt. */
function otherAnswer(answers: readonly Answer[], index: number): { answer: readonly number[] } {
  const before = answers.map((_, back) => answers.at(index - 1 - back)!);
  const differs = ({ prompt }: Answer) => prompt.join() !== answers[index]!.prompt.join();
  return { answer: before.find(differs)!.answer };
}

/** The log-probability of each token of the prompts but the first, and of the answers, decoded token by token. */
async function logLikelihoods({ engine, shape, rope }: GoldenRun, answers: readonly Answer[]) {
  const cacheShape = { slots, capacity: shape.rowTokens, prefillTokens: 2 * shape.rowTokens };
  const found: { prompt: number[]; answer: number[] }[] = [];
  for (const { prompt, answer } of answers) {
    const cache = new CacheForward(engine, cacheShape, rope);
    const tokens = [...prompt, ...answer];
    const logs: number[] = [];
    for (const [position, token] of tokens.slice(0, -1).entries()) {
      await cache.run([{ token, slot: 0, position }]);
      const logits = [...cache.logits(0)];
      const most = Math.max(...logits);
      logs.push(logits[tokens[position + 1]!]! - most - Math.log(sum(logits.map((one) => Math.exp(one - most)))));
    }
    found.push({ prompt: logs.slice(0, prompt.length - 1), answer: logs.slice(prompt.length - 1) });
  }
  return found;
}
