/**
 * Checkpoints: `checkpoints/step-N/` with the parameters, both moments, the best parameters so far and where the loop
 * stands. A directory counts when its manifest and every digest are right; the newest that counts is resumed from, so
 * nothing has to point at it. What a run does after a checkpoint follows from its bytes and the run file alone.
 */
import { z } from "zod";
import { exactMatch } from "../contract/report.ts";
import { messageOf } from "../failure.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import type { StateRole } from "../graph/compiled.ts";
import { DirectoryWriter, fileList, readListed, readManifest } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import type { Engine } from "./engine.ts";

const savedRoles = ["parameter", "moment1", "moment2"] as const satisfies readonly StateRole[];

/** Where the loop stands after a step; all of it but the times follows from the run file. */
export const loopState = z.strictObject({
  step: z.int().min(0),
  /** Of the last step, in nats a token. */
  loss: z.number(),
  evalLoss: z.number().optional(),
  bestStep: z.int().min(0),
  bestEvalLoss: z.number().optional(),
  evaluationsWithoutImprovement: z.int().min(0),
  trainedTokens: z.int().min(0),
  /** Tokens that went through the model, padding not counted. */
  tokens: z.int().min(0),
  /** Of training, over all attempts. */
  seconds: z.number().min(0),
  resumes: z.int().min(0),
  /** False once it went on with another instruction set or numerics version. */
  bitwise: z.boolean(),
  evaluationBefore: exactMatch.optional(),
});
export type LoopState = z.infer<typeof loopState>;

const checkpointManifest = z.strictObject({
  kind: z.literal("checkpoint"),
  version: z.literal(1),
  runHash: z.string(),
  writerEpoch: z.int(),
  numericsVersion: z.int(),
  isa: z.string(),
  state: loopState,
  files: fileList,
});

export interface CheckpointFacts {
  runHash: string;
  writerEpoch: number;
  numericsVersion: number;
  isa: string;
}

/** Parameters by name: a copy that later steps do not touch. */
export type Parameters = ReadonlyMap<string, Float32Array>;

export class Checkpoints {
  readonly #stores: Stores;
  readonly #uri: string;

  constructor(stores: Stores, uri: string) {
    this.#stores = stores;
    this.#uri = uri;
  }

  /** Writes `step-N` durably. `best` is given where it is not the state's own parameters. */
  async save(
    engine: Engine,
    state: LoopState,
    best: Parameters | undefined,
    facts: CheckpointFacts,
    beforeCommit: () => Promise<void>,
  ): Promise<void> {
    const writer = await DirectoryWriter.begin(this.#stores, `${this.#uri}/step-${state.step}`);
    await writer.write("state.safetensors", encodeSafetensors(savedTensors(engine), {}));
    if (best) await writer.write("best.safetensors", encodeParameters(engine, best));
    await writer.commit({ kind: "checkpoint", version: 1, ...facts, state }, beforeCommit);
  }

  /**
   * Loads the newest checkpoint that counts into the engine; undefined when there is none. One that does not count is
   * reported through `log` and passed over.
   */
  async load(
    engine: Engine,
    facts: Pick<CheckpointFacts, "runHash" | "numericsVersion" | "isa">,
    log: (line: string) => void,
  ): Promise<{ state: LoopState; best: Parameters | undefined } | undefined> {
    for (const step of (await this.steps()).reverse()) {
      const uri = `${this.#uri}/step-${step}`;
      try {
        const loaded = await this.#loadFrom(uri, engine, facts);
        if (loaded) return loaded;
        log(`${uri}: not a checkpoint of this run, passed over`);
      } catch (error) {
        log(`${uri}: cannot be used, passed over: ${messageOf(error)}`);
      }
    }
    return undefined;
  }

  /** Removes all but the newest `keep`. */
  async prune(keep: number): Promise<void> {
    for (const step of (await this.steps()).slice(0, -keep)) await this.#remove(step);
  }

  /** Removes every checkpoint: the run is complete. */
  async clear(): Promise<void> {
    await this.#stores.of(this.#uri).remove(this.#uri);
  }

  /** Steps with a manifest, rising. */
  async steps(): Promise<number[]> {
    const entries = await this.#stores.of(this.#uri).list(this.#uri);
    const names = entries.map(({ path }) => /^step-([0-9]+)\/manifest\.json$/.exec(path)?.[1]);
    return names
      .filter((name) => name !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  async #remove(step: number): Promise<void> {
    const store = this.#stores.of(this.#uri);
    // The manifest first: half a directory must not look like a checkpoint.
    await store.remove(`${this.#uri}/step-${step}/manifest.json`);
    await store.remove(`${this.#uri}/step-${step}`);
  }

  async #loadFrom(uri: string, engine: Engine, facts: Pick<CheckpointFacts, "runHash" | "numericsVersion" | "isa">) {
    const found = await readManifest(this.#stores, uri, checkpointManifest);
    if (!found || found.manifest.runHash !== facts.runHash) return undefined;
    const { state, files, numericsVersion, isa } = found.manifest;
    const saved = await readTensors(this.#stores, uri, files, "state.safetensors");
    const hasBest = files.some(({ path }) => path === "best.safetensors");
    const best = hasBest ? await readTensors(this.#stores, uri, files, "best.safetensors") : undefined;
    restore(engine, saved);
    const same = numericsVersion === facts.numericsVersion && isa === facts.isa;
    return {
      state: { ...state, bitwise: state.bitwise && same },
      best: best && new Map([...best].map(([name, bytes]) => [name, floatsOf(bytes)])),
    };
  }
}

function savedTensors(engine: Engine): TensorData[] {
  return savedRoles.flatMap((role) =>
    engine.stateOf(role).map(({ name, shape }) => ({
      name: `${role}.${name}`,
      dtype: "F32",
      shape,
      data: engine.bytes(role, name),
    })),
  );
}

function encodeParameters(engine: Engine, parameters: Parameters): Uint8Array {
  const tensors = engine.stateOf("parameter").map(({ name, shape }): TensorData => {
    const values = parameters.get(name)!;
    return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  });
  return encodeSafetensors(tensors, {});
}

/** All or nothing: sizes are compared before the first byte is copied. */
function restore(engine: Engine, saved: ReadonlyMap<string, Uint8Array>): void {
  const targets = savedRoles.flatMap((role) =>
    engine.stateOf(role).map(({ name }) => ({ name: `${role}.${name}`, target: engine.bytes(role, name) })),
  );
  for (const { name, target } of targets) {
    if (saved.get(name)?.length !== target.length) throw new Error(`${name} is absent or of another size`);
  }
  for (const { name, target } of targets) target.set(saved.get(name)!);
}

async function readTensors(
  stores: Stores,
  uri: string,
  files: z.infer<typeof fileList>,
  path: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const tensors = decodeTensors(await readListed(stores, uri, files, path));
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}

const floatsOf = (bytes: Uint8Array) => new Float32Array(new Uint8Array(bytes).buffer);
