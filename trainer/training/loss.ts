/**
 * The loss of packed rows by an objective, over all of their micro-batches: with gradients as a step takes it, or alone as a
 * validation does. The weights of tokens and answers follow from the counts of all the rows, so that micro-batches only
 * partition them. For preferences it also gives the figures of rewards.
 */
import type { Objective, PreferenceObjective } from "../contract/objective.ts";
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import { type Batch, type BatchShape, type Inputs, makeBatch, partition } from "../engine/batch.ts";
import type { Engine } from "../engine/engine.ts";
import {
  countPreferences,
  divergenceBatches,
  makePreferenceBatch,
  type PreferenceBatch,
} from "../engine/preferenceBatch.ts";
import type { ProgramKey } from "../graph/compiled.ts";
import type { RopeTable } from "../models/rope.ts";
import { type RewardFigures, Rewards } from "./rewards.ts";

export interface LossParts {
  readonly engine: Engine;
  readonly shape: BatchShape;
  readonly rope: RopeTable;
  readonly objective: Objective;
}

export interface LossFigures extends Partial<RewardFigures> {
  /** Supervised: in nats per trained token. */
  readonly loss: number;
  readonly trainedTokens: number;
  /** Tokens without padding. */
  readonly tokens: number;
}

export interface LossRun {
  readonly program: "micro" | "evaluate";
  readonly dataset: PackedDataset;
  readonly rows: readonly number[];
  /** Further inputs of the program. */
  readonly inputs?: Inputs;
  readonly signal?: AbortSignal | undefined;
  /** Runs after each micro-batch. */
  readonly onBatch?: (batch: Batch, key: ProgramKey) => void;
}

/** Rejects with `Cancelled` when `signal` is aborted. Loss and gradients are then in the engine's state. */
export async function runLoss(parts: LossParts, run: LossRun): Promise<LossFigures> {
  const { engine, objective } = parts;
  const trainedTokens = run.rows.reduce((sum, row) => sum + run.dataset.trainedTokens(row), 0);
  const { tokens, rewards } =
    objective.type === "Supervised"
      ? await supervised(parts, run, trainedTokens)
      : await preferences(parts, run, objective);
  return { loss: engine.scalar("loss"), trainedTokens, tokens, ...rewards };
}

interface Ran {
  readonly tokens: number;
  readonly rewards?: RewardFigures;
}

async function supervised(parts: LossParts, run: LossRun, trainedTokens: number): Promise<Ran> {
  const { engine, shape, rope } = parts;
  let tokens = 0;
  await engine.run({ program: "begin" });
  for (const part of partition(run.rows, shape.microRows)) {
    const batch = makeBatch(run.dataset, part, 1 / trainedTokens, shape, rope);
    await runBatch(engine, run, batch);
    tokens += batch.tokens;
  }
  return { tokens };
}

async function preferences(parts: LossParts, run: LossRun, objective: PreferenceObjective): Promise<Ran> {
  const { engine, shape, rope } = parts;
  const { dataset, rows } = run;
  const counts = countPreferences(dataset, rows);
  const divergence = objective.type === "KTO" ? await divergenceOf(parts, run, counts.chosen + counts.rejected) : 0;
  const inputs = { ...run.inputs, divergence: Float32Array.of(divergence) };
  const rewards = new Rewards(objective, divergence);
  let tokens = 0;
  await engine.run({ program: "begin" });
  for (const part of partition(rows, shape.microRows)) {
    const batch: PreferenceBatch = makePreferenceBatch(dataset, part, objective, counts, shape, rope);
    const key = await runBatch(engine, { ...run, inputs }, batch);
    rewards.add(engine.segments(key), batch.isChosen);
    tokens += batch.tokens;
  }
  return { tokens, rewards: rewards.figures() };
}

async function runBatch(engine: Engine, { program, inputs, signal, onBatch }: LossRun, batch: Batch) {
  const key = { program, trainedRows: batch.trainedRows } as const;
  await engine.run(key, { ...batch.inputs, ...inputs }, signal);
  onBatch?.(batch, key);
  return key;
}

/** KTO's reference point: how far the model is from its reference on answers of other prompts, at least 0. */
async function divergenceOf(
  { engine, shape, rope }: LossParts,
  { dataset, rows, signal }: LossRun,
  answers: number,
): Promise<number> {
  let sum = 0;
  for (const { inputs, trainedRows } of divergenceBatches(dataset, rows, shape, rope)) {
    const key = { program: "divergence", trainedRows } as const;
    await engine.run(key, inputs, signal);
    for (const difference of engine.segments(key)) sum -= difference;
  }
  return Math.max(0, Math.fround(sum / answers));
}
