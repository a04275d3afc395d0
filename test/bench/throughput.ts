/** Times our trainer's optimiser steps on the measured shape one by one, in one process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { compile } from "../../trainer/compile/compile.ts";
import { Engine } from "../../trainer/engine/engine.ts";
import type { Compiled, CompileSpec } from "../../trainer/graph/compiled.ts";
import { ropeTable } from "../../trainer/models/rope.ts";
import { type StepParts, trainStep } from "../../trainer/training/step.ts";
import { tensorsOf } from "../support/modelDirectory.ts";
import { type Format, model, randomDataset, rows, rowTokens, specOf, writeRandomBase } from "./shape.ts";

export interface Measured {
  /** Wall-clock time of each step. */
  secondsPerStep: readonly number[];
  /** Processor time of each step, summed over cores, which other work on the machine does not affect. */
  coreSecondsPerStep: readonly number[];
  /** Memory: for our trainer mapped weights, state, io and the arena's high-water mark; for a peer its resident set. */
  peakBytes: number;
}

export interface OurMeasurement extends Measured {
  /** Floating-point operations per token: matrix products and attention, forward and backward. */
  flopsPerToken: number;
}

export const tokensPerStep = rows * rowTokens;

export async function measureOurs(format: Format, threads: number, steps: number): Promise<OurMeasurement> {
  return await withTraining(format, threads, steps, async (parts) => {
    const { compiled } = parts.engine;
    const wall: number[] = [];
    const processor: number[] = [];
    for (let step = 1; step <= steps + 1; step++) {
      const [start, used] = [performance.now(), coreSeconds()];
      await trainStep(parts, step, [0, 1]);
      wall.push((performance.now() - start) / 1000);
      processor.push(coreSeconds() - used);
    }
    const { flops } = compiled.program(microOf(compiled));
    // The first step also compiles and touches memory for the first time.
    return {
      secondsPerStep: wall.slice(1),
      coreSecondsPerStep: processor.slice(1),
      peakBytes: parts.engine.peakBytes(),
      flopsPerToken: flops / tokensPerStep,
    };
  });
}

/** The program of the measured training's only micro-batch. */
export const microOf = ({ trainedRowBuckets }: Compiled) => ({
  program: "micro" as const,
  trainedRows: trainedRowBuckets.find((bucket) => bucket >= rows * (rowTokens - 1))!,
});

/** Calls `use` with the measured training before its first step, on a random base. */
export async function withTraining<T>(
  format: Format,
  threads: number,
  steps: number,
  use: (parts: StepParts) => Promise<T>,
): Promise<T> {
  const spec = specOf(format);
  const compiled = compile(spec);
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-bench-"));
  const engine = new Engine(compiled, { threads });
  try {
    writeRandomBase(directory, compiled.weights);
    const base = await tensorsOf(directory);
    await engine.bind(base);
    await engine.initialise(base, 1);
    await engine.run({ program: "derive" });
    return await use(partsOf(engine, spec, steps));
  } finally {
    engine.close();
    rmSync(directory, { recursive: true });
  }
}

function coreSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function partsOf(engine: Engine, spec: CompileSpec, steps: number): StepParts {
  return {
    engine,
    dataset: randomDataset(spec),
    shape: { rowTokens, microRows: rows, trainedRowBuckets: engine.compiled.trainedRowBuckets },
    rope: ropeTable(model, rowTokens),
    settings: {
      length: { kind: "steps", steps: steps + 1 },
      rowsPerStep: rows,
      learningRate: 2e-4,
      schedule: { type: "Constant", warmupRatio: 0 },
      labelSmoothing: 0,
      neftuneNoiseAlpha: 0,
      routerAuxLoss: 0,
      ...spec.training!,
      objective: spec.training?.objective ?? { type: "Supervised" },
      seed: 1,
      precision: spec.precision === "F32" ? "F32" : "BF16",
      evaluateEverySteps: undefined,
      patience: undefined,
      keep: "Last",
      checkpoint: { everySteps: 1000, keep: 2 },
    },
    steps: steps + 1,
    nameOf: (example) => `example ${example}`,
  };
}
