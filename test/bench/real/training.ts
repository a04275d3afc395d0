/**
 * A LoRA training of a real model on real conversations by our trainer, in F32: its losses, its greedy answers before and after, and
 * its adapter before and after in PEFT's layout, with which peft_training.py repeats it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { compile } from "../../../trainer/compile/compile.ts";
import { encodeExamples } from "../../../trainer/data/encoding/encode.ts";
import { piecesOf } from "../../../trainer/data/encoding/pieces.ts";
import { questionOf } from "../../../trainer/data/encoding/questions.ts";
import { PackedDataset } from "../../../trainer/data/packed/packedDataset.ts";
import { rowsFor } from "../../../trainer/data/packed/packing.ts";
import { RowError } from "../../../trainer/data/rows/example.ts";
import { CacheForward } from "../../../trainer/engine/cacheForward.ts";
import { Engine } from "../../../trainer/engine/engine.ts";
import { greedyAnswers } from "../../../trainer/generation/greedy.ts";
import { ropeTable } from "../../../trainer/models/rope.ts";
import { Stores } from "../../../trainer/stores/stores.ts";
import { encodeRows } from "../../../trainer/testing/memoryDataset.ts";
import { type StepFigures, type StepParts, trainStep } from "../../../trainer/training/step.ts";
import { writeAdapter } from "../../../trainer/weights/adapter.ts";
import { StoredModel } from "../../../trainer/weights/storedModel.ts";
import { tensorsOf } from "../../../trainer/weights/verifiedBase.ts";
import { conversations } from "../../golden/realConversations.ts";

export const steps = 50;
const [rowTokens, rowsPerStep, longestPrompt, newTokens, questions] = [128, 1, 96, 24, 8];
const shape = { slots: 4, capacity: rowTokens, prefillTokens: rowTokens };
const optimizer = { type: "AdamW", weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, paged: false } as const;
const maxGradNorm = 1;
const method = {
  ...{ kind: "lora", rank: 8, alpha: 16, dropout: 0, targetModules: ["all-linear"], rankStabilized: false },
} as const;

/** A prompt and the greedy answer to it, with its end token if it ended. */
type Answered = readonly [prompt: readonly number[], answer: readonly number[]];

export interface RealTraining {
  readonly figures: readonly StepFigures[];
  readonly seconds: number;
  readonly before: readonly Answered[];
  readonly after: readonly Answered[];
  /** The text of an answer, for people. */
  readonly textOf: (answer: Answered) => string;
}

/** Trains, and writes the input of peft_training.py into `directory`. */
export async function trainReal(model: string, directory: string, threads: number): Promise<RealTraining> {
  const base = await StoredModel.inDirectory(new Stores(), pathToFileURL(model).href);
  const [config, codec, data] = [await base.config(), await base.codec(), await encoded(base)];
  const compiled = compile({
    model: config,
    device: "cpu",
    storage: await base.storage(),
    method,
    training: { optimizer, maxGradNorm },
    precision: "F32",
    rowTokens,
    microRows: rowsPerStep,
    recomputedBlocks: 0,
    generation: shape,
  });
  const engine = new Engine(compiled, { threads });
  try {
    const tensors = tensorsOf(base, await base.tensors());
    await engine.bind(tensors);
    await engine.initialise(tensors, 1);
    await engine.run({ program: "derive" });
    const rope = ropeTable(config, rowTokens);
    const answers = async (): Promise<Answered[]> => {
      const options = {
        ...{ maxNewTokens: newTokens, endTokens: codec.endIds, onAnswer: () => {} },
        signal: new AbortController().signal,
      };
      const made = await greedyAnswers(new CacheForward(engine, shape, rope), data.prompts, options);
      return made.map((answer, index) => {
        const prompt = data.prompts[index]!;
        const hasEnded = answer.length < newTokens && prompt.length + answer.length < rowTokens;
        return [prompt, hasEnded ? [...answer, codec.tokenizer.eosId] : answer];
      });
    };
    const save = (name: string) => saveAdapter(engine, base, path.join(directory, name));
    const before = await answers();
    await save("initial");
    const parts = partsOf(engine, data.dataset, rope);
    const started = performance.now();
    const figures: StepFigures[] = [];
    for (let step = 1; step <= steps; step++) figures.push(await trainStep(parts, step, rowsOf(data.dataset, step)));
    const seconds = (performance.now() - started) / 1000;
    const after = await answers();
    await save("final");
    const given = {
      model,
      optimizer: { ...optimizer, betas: [optimizer.beta1, optimizer.beta2], maxGradNorm },
      answersBefore: before,
      answersAfter: after,
      steps: figures.map(({ learningRate }, index) => ({
        learningRate,
        sequences: rowsOf(data.dataset, index + 1).flatMap((row) => sequencesOf(data.dataset, row)),
      })),
    };
    writeFileSync(path.join(directory, "training.json"), JSON.stringify(given));
    return { figures, seconds, before, after, textOf: ([, answer]) => codec.tokenizer.decode([...answer]) };
  } finally {
    engine.close();
  }
}

/** The conversations of test/golden that the template can render without tools, packed, and some of their questions. */
async function encoded(base: StoredModel) {
  const codec = await base.codec();
  const usable = conversations.filter(({ tools, messages }) => !tools && messages.every((one) => !one.tool_calls));
  const options = { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: rowTokens } as const;
  const given = usable.map((example) => ({ example, sequences: piecesOf(example, "Responses", codec).sequences }));
  const all = await encodeExamples(given, options, codec);
  const examples = all.flatMap((one, line) =>
    one instanceof RowError ? [] : one.sequences.map((sequence) => ({ ...sequence, source: 0, line })),
  );
  const lengths = Uint32Array.from(examples, ({ tokens }) => tokens.length);
  const rows = rowsFor(lengths, { capacity: rowTokens, packing: true, paired: false });
  const prompts: (readonly number[])[] = [];
  for (const example of usable.filter((_, index) => index % 9 === 0)) {
    const { prompt } = await questionOf(example, codec);
    if (prompt.length <= longestPrompt && prompts.length < questions) prompts.push(prompt);
  }
  return { dataset: new PackedDataset(encodeRows(examples, rows, rowTokens)), prompts };
}

const rowsOf = ({ rowCount }: PackedDataset, step: number): number[] =>
  Array.from({ length: rowsPerStep }, (_, row) => ((step - 1) * rowsPerStep + row) % rowCount);

function sequencesOf({ rowStart, exampleStart, tokens, trained }: PackedDataset, row: number) {
  const examples = Array.from({ length: rowStart[row + 1]! - rowStart[row]! }, (_, index) => rowStart[row]! + index);
  return examples.map((example) => {
    const [from, to] = [exampleStart[example]!, exampleStart[example + 1]!];
    return { ids: [...tokens.subarray(from, to)], trained: [...trained.subarray(from, to)] };
  });
}

function partsOf(engine: Engine, dataset: PackedDataset, rope: StepParts["rope"]): StepParts {
  return {
    ...{ engine, dataset, rope, steps },
    shape: { rowTokens, microRows: rowsPerStep, trainedRowBuckets: engine.compiled.trainedRowBuckets },
    settings: {
      length: { kind: "steps", steps },
      ...{ rowsPerStep, learningRate: 2e-4, schedule: { type: "Cosine", warmupRatio: 0.1 }, optimizer, maxGradNorm },
      ...{
        labelSmoothing: 0,
        neftuneNoiseAlpha: 0,
        routerAuxLoss: 0,
        objective: { type: "Supervised" },
        seed: 1,
        precision: "F32",
      },
      ...{ evaluateEverySteps: undefined, patience: undefined, keep: "Last" },
      checkpoint: { everySteps: 1000, keep: 2 },
    },
    nameOf: (example) => `example ${example}`,
  };
}

async function saveAdapter(engine: Engine, base: StoredModel, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const parameters = new Map(engine.stateOf("parameter").map(({ name }) => [name, engine.floats("parameter", name)]));
  const facts = {
    ...{ runHash: "0".repeat(64), baseDigest: `sha256:${"0".repeat(64)}`, baseUri: "file:///base", method, steps },
    baseName: { name: "./base", revision: null },
  };
  const result = { engine, parameters, base, baseDataType: "F32" } as const;
  await writeAdapter(new Stores(), pathToFileURL(directory).href, result, facts, async () => {});
}
