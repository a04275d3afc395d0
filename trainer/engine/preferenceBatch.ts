/**
 * The inputs of the losses of preferences: which answer each target belongs to, and the answers' weights, which depend on
 * the counts of the whole step. Also the rows with which KTO estimates how far the model is from its reference. Pure.
 */
import type { PreferenceObjective } from "../contract/objective.ts";
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import { answerRoles } from "../data/rows/example.ts";
import { answersOf } from "../graph/compiled.ts";
import type { RopeTable } from "../models/rope.ts";
import { type Batch, type BatchShape, layOutRows, partition, type Segment, segmentOf, segmentsOf } from "./batch.ts";

/** Counts over the rows of a step or of a validation. */
export interface PreferenceCounts {
  readonly chosen: number;
  readonly rejected: number;
  /** Tokens of the chosen answers with their prompts, except each first one. */
  readonly chosenTokens: number;
}

/** A batch with the parts of its answers, in their order in `segments`. */
export interface PreferenceBatch extends Batch {
  readonly isChosen: readonly boolean[];
}

export function countPreferences(dataset: PackedDataset, rows: readonly number[]): PreferenceCounts {
  let [chosen, rejected, chosenTokens] = [0, 0, 0];
  for (const row of rows) {
    for (const segment of segmentsOf(dataset, row)) {
      if (!isChosen(dataset, segment.example)) rejected++;
      else {
        chosen++;
        chosenTokens += segment.tokens.length - 1;
      }
    }
  }
  return { chosen, rejected, chosenTokens };
}

const isChosen = ({ role }: PackedDataset, example: number) => role?.[example] === answerRoles.chosen;

export function makePreferenceBatch(
  dataset: PackedDataset,
  rows: readonly number[],
  objective: PreferenceObjective,
  counts: PreferenceCounts,
  shape: BatchShape,
  rope: RopeTable,
): PreferenceBatch {
  const segments = rows.map((row) => segmentsOf(dataset, row));
  const answers = segments.flat();
  const chosen = answers.map(({ example }) => isChosen(dataset, example));
  // ORPO learns every token of a chosen answer and its prompt.
  const whole = (segment: Segment): Segment =>
    objective.type === "ORPO" && isChosen(dataset, segment.example)
      ? { ...segment, trained: new Uint8Array(segment.tokens.length).fill(1) }
      : segment;
  const batch = layOutRows(
    segments.map((row) => row.map(whole)),
    shape,
    rope,
  );
  return {
    ...batch,
    inputs: {
      ...batch.inputs,
      ...answerInputs(batch, answers, objective.type),
      ...weights(batch, chosen, { objective, counts, dataset }),
    },
    isChosen: chosen,
  };
}

/** The answer of each target, and each answer's factor. */
function answerInputs({ trainedRows, trained }: Batch, answers: readonly Segment[], type: PreferenceObjective["type"]) {
  const place = new Map(answers.map(({ example }, index) => [example, index]));
  const present = new Float32Array(trainedRows).fill(1, 0, trained.length);
  const segment = new Int32Array(trainedRows).fill(-1);
  const segmentScale = new Float32Array(answersOf(trainedRows));
  for (const [row, { example, position }] of trained.entries()) {
    const answer = place.get(example)!;
    if (answers[answer]!.trained[position] === 0) continue;
    segment[row] = answer;
    segmentScale[answer]! += 1;
  }
  // The mean of ORPO; the sum of the others.
  const scale = segmentScale.map((count) => (count === 0 ? 0 : type === "ORPO" ? 1 / count : 1));
  return { present, segment, segmentScale: scale };
}

function weights(
  { trainedRows, trained }: Batch,
  chosen: readonly boolean[],
  { objective, counts, dataset }: { objective: PreferenceObjective; counts: PreferenceCounts; dataset: PackedDataset },
) {
  const answers = answersOf(trainedRows);
  switch (objective.type) {
    case "DPO":
      return { pairWeight: pairWeights(chosen, answers / 2, 1 / counts.chosen) };
    case "ORPO": {
      const lossWeight = new Float32Array(trainedRows);
      for (const [row, { example }] of trained.entries())
        if (isChosen(dataset, example)) lossWeight[row] = 1 / counts.chosenTokens;
      return { pairWeight: pairWeights(chosen, answers / 2, objective.lambda / counts.chosen), lossWeight };
    }
    case "KTO": {
      const answerWeight = new Float32Array(answers);
      for (const [index, isWanted] of chosen.entries()) {
        const weight = isWanted ? objective.desirableWeight : -objective.undesirableWeight;
        answerWeight[index] = weight / (counts.chosen + counts.rejected);
      }
      return { answerWeight };
    }
  }
}

function pairWeights(chosen: readonly boolean[], pairs: number, weight: number): Float32Array {
  if (chosen.some((one, index) => one !== (index % 2 === 0)))
    throw new Error("the data set's chosen and rejected answers do not alternate: prepare it for this objective");
  return new Float32Array(pairs).fill(weight, 0, chosen.length / 2);
}

/**
 * Each prompt with the answer of the nearest example before it that has another prompt, the first with the last one's, packed
 * one after another: on such answers the model's distance from its reference is not what the training has taught it.
 */
export function* divergenceBatches(
  dataset: PackedDataset,
  rows: readonly number[],
  shape: BatchShape,
  rope: RopeTable,
): Generator<Batch> {
  const examples = rows.flatMap((row) => segmentsOf(dataset, row).map(({ example }) => example));
  const others = othersOf(dataset, examples);
  const parts = (index: number) => partsOf(dataset, examples, index, others[index]!);
  const length = (index: number) => mismatchedLength(parts(index), shape.rowTokens);
  for (const part of partition(nextFit(examples.length, length, shape.rowTokens), shape.microRows)) {
    const segments = part.map((row) => row.map((index) => mismatched(parts(index), index, shape.rowTokens)));
    const batch = layOutRows(segments, shape, rope);
    yield { ...batch, inputs: { ...batch.inputs, ...answerInputs(batch, segments.flat(), "KTO") } };
  }
}

/** For each example the nearest one before it, in a circle, whose prompt differs; the one before it if all are equal. */
function othersOf(dataset: PackedDataset, examples: readonly number[]): number[] {
  const before = (index: number) => (index === 0 ? examples.length : index) - 1;
  const others = examples.map((_, index) => before(index));
  const differs = others.map((other, index) => !samePrompt(dataset, examples[index]!, examples[other]!));
  const first = differs.indexOf(true);
  if (first === -1) return others;
  for (let step = 1; step < examples.length; step++) {
    const index = (first + step) % examples.length;
    if (!differs[index]) others[index] = others[before(index)]!;
  }
  return others;
}

function samePrompt(dataset: PackedDataset, one: number, two: number): boolean {
  const [a, b] = [promptOf(dataset, one), promptOf(dataset, two)];
  return a.length === b.length && a.every((token, at) => token === b[at]);
}

function promptOf(dataset: PackedDataset, example: number): Uint32Array {
  const { tokens, trained } = segmentOf(dataset, example);
  return tokens.subarray(0, trained.indexOf(1));
}

/** Rows of items, each in the last row if that holds it. */
function nextFit(count: number, length: (index: number) => number, capacity: number): number[][] {
  const rows: number[][] = [];
  let room = 0;
  for (let index = 0; index < count; index++) {
    if (length(index) > room) {
      rows.push([]);
      room = capacity;
    }
    rows.at(-1)!.push(index);
    room -= length(index);
  }
  return rows;
}

interface Parts {
  readonly prompt: Segment;
  readonly answer: Segment;
  /** Where the prompt ends, and where the answer begins. */
  readonly end: number;
  readonly start: number;
}

/** The prompt of an example, and the answer of another one. */
function partsOf(dataset: PackedDataset, examples: readonly number[], index: number, other: number): Parts {
  const prompt = segmentOf(dataset, examples[index]!);
  const answer = segmentOf(dataset, examples[other]!);
  return { prompt, answer, end: prompt.trained.indexOf(1), start: answer.trained.indexOf(1) };
}

const mismatchedLength = ({ answer, end, start }: Parts, most: number): number =>
  Math.min(most, end + answer.tokens.length - start);

/** Cut off at the end where a row does not hold it. */
function mismatched(parts: Parts, index: number, most: number): Segment {
  const { prompt, answer, end, start } = parts;
  const length = mismatchedLength(parts, most);
  const [tokens, trained] = [new Uint32Array(length), new Uint8Array(length)];
  tokens.set(prompt.tokens.subarray(0, end));
  tokens.set(answer.tokens.subarray(start, start + length - end), end);
  trained.set(answer.trained.subarray(start, start + length - end), end);
  return { tokens, trained, example: index, id: prompt.id };
}
