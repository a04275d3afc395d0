/**
 * An engine of a tiny run whose state encodes its step, and checkpoints of it. Run as a program, it saves one:
 *
 *     node checkpointEngine.ts DIRECTORY STEP
 */
import assert from "node:assert/strict";
import { compile } from "../compile/compile.ts";
import { Engine } from "../engine/engine.ts";
import { rolesWith } from "../graph/roles.ts";
import { Stores } from "../stores/stores.ts";
import { type CheckpointFacts, Checkpoints, type LoopState } from "../training/checkpoint.ts";
import { aSpec, tinyLora } from "./compiledRun.ts";

export const facts: CheckpointFacts = {
  runHash: "a".repeat(64),
  writerEpoch: 1,
  numericsVersion: 1,
  isa: "AVX2",
  microRows: 1,
};
export const kept = 2;

const roles = rolesWith(({ checkpointed }) => checkpointed);

const method = { ...tinyLora, targetModules: ["q_proj"] };

export const tinyEngine = () => new Engine(compile(aSpec({ method })), { threads: 1, backend: "reference" });

export const checkpointsIn = (directory: string) => new Checkpoints(new Stores({}), `file://${directory}`);

const stateAt = (step: number): LoopState => ({
  step,
  loss: 1 / step,
  evaluatedStep: step,
  bestStep: step - 1,
  evaluationsWithoutImprovement: 1,
  trainedTokens: step,
  tokens: step,
  seconds: step,
  resumes: 0,
  bitwise: true,
});

/** Every number of the engine's state equals its step; the best parameters equal the step before. */
export async function saveStep(engine: Engine, directory: string, step: number): Promise<void> {
  const best = new Map<string, Float32Array>();
  for (const role of roles) {
    for (const { name } of engine.stateOf(role)) {
      const values = engine.floats(role, name).fill(step);
      if (role === "parameter") best.set(name, new Float32Array(values.length).fill(step - 1));
    }
  }
  const checkpoints = checkpointsIn(directory);
  await checkpoints.save(engine, stateAt(step), best, facts, async () => {});
  await checkpoints.prune(kept);
}

/**
 * The step of the newest valid checkpoint, after comparing all its numbers. `log` receives a line per invalid
 * checkpoint.
 */
export async function loadedStep(engine: Engine, directory: string, log: (line: string) => void): Promise<number> {
  const loaded = await checkpointsIn(directory).load(engine, facts, log);
  assert.ok(loaded, "there is no valid checkpoint");
  const { state, best } = loaded;
  assert.deepEqual(state, stateAt(state.step));
  for (const role of roles) {
    for (const { name } of engine.stateOf(role)) {
      assert.ok(
        engine.floats(role, name).every((value) => value === state.step),
        `${role} ${name}`,
      );
    }
  }
  assert.ok(best && [...best.values()].every((values) => values.every((value) => value === state.step - 1)));
  return state.step;
}

if (import.meta.main) {
  const [directory = "", step = ""] = process.argv.slice(2);
  const engine = tinyEngine();
  await saveStep(engine, directory, Number(step));
  engine.close();
}
