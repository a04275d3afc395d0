/**
 * Checkpoints: `checkpoints/step-N/` with the parameters, both moments, the best parameters so far and where the loop
 * stands. A directory counts when its manifest and every digest are right; the newest that counts is resumed from, so
 * nothing has to point at it. What a run does after a checkpoint follows from its bytes and the run file alone.
 */
import { z } from "zod";
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, invalid, StageFailure } from "../contract/failure.ts";
import { exactMatch } from "../contract/report.ts";
import type { Engine, Parameters } from "../engine/engine.ts";
import {
  type ReadRange,
  readSafetensorsHeader,
  SafetensorsError,
  type SafetensorsHeader,
} from "../formats/safetensors.ts";
import { safetensorsChunks, type TensorData } from "../formats/safetensorsWriter.ts";
import { rolesWith } from "../graph/roles.ts";
import { DirectoryWriter, fileList, readManifest, removeDirectory, verifyListed } from "../stores/directory.ts";
import { MissingFileError } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";

const savedRoles = rolesWith(({ checkpointed }) => checkpointed);

/** Where the loop stands after a step; all of it but the times follows from the run file. */
export const loopState = z.strictObject({
  step: z.int().min(0),
  /** Of the last step, in nats a token. */
  loss: z.number(),
  evalLoss: z.number().optional(),
  /** The step whose validation loss that is; a step whose validation was cut short is validated again. */
  evaluatedStep: z.int().min(0),
  bestStep: z.int().min(0),
  bestEvalLoss: z.number().optional(),
  evaluationsWithoutImprovement: z.int().min(0),
  trainedTokens: z.int().min(0),
  /** Tokens that went through the model, padding not counted. */
  tokens: z.int().min(0),
  /** Of training, over all attempts. */
  seconds: z.number().min(0),
  resumes: z.int().min(0),
  /** False once it went on with another instruction set, numerics version or micro-batch: sums then round otherwise. */
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
  microRows: z.int(),
  state: loopState,
  files: fileList,
});

export interface CheckpointFacts {
  runHash: string;
  writerEpoch: number;
  numericsVersion: number;
  isa: string;
  /** Rows of a micro-batch. */
  microRows: number;
}

const stateFile = "state.safetensors";
const bestFile = "best.safetensors";

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
    const writer = await DirectoryWriter.begin(this.#stores, `${this.#uri}/step-${state.step}`, { alone: true });
    await writer.writeChunks(stateFile, safetensorsChunks(savedTensors(engine), {}));
    if (best) await writer.writeChunks(bestFile, safetensorsChunks(parameterTensors(engine, best), {}));
    await writer.commit({ kind: "checkpoint", version: 1, ...facts, state }, beforeCommit);
  }

  /**
   * Loads the newest checkpoint that counts into the engine; undefined when there is none. One whose bytes are damaged is
   * reported through `log` and removed, so that it is not among those that are kept. One that is whole and not understood
   * is left, and a failure names it. Throws when the store cannot be read.
   */
  async load(
    engine: Engine,
    facts: CheckpointFacts,
    log: (line: string) => void,
  ): Promise<{ state: LoopState; best: Parameters | undefined } | undefined> {
    for (const step of (await this.steps()).reverse()) {
      const uri = `${this.#uri}/step-${step}`;
      const loaded = await this.#loadFrom(uri, engine, facts).catch(reasonOf);
      if (typeof loaded !== "string") return loaded;
      log(`${uri}: does not count and is removed: ${loaded}`);
      await this.#removeDirectory(`step-${step}`);
    }
    return undefined;
  }

  /**
   * Removes all but the newest `keep`, and what a killed process left half-written or half-removed. To be called while
   * none is written.
   */
  async prune(keep: number): Promise<void> {
    const steps = await this.steps();
    const kept = steps.slice(Math.max(0, steps.length - keep)).map((step) => `step-${step}`);
    const found = new Set(await this.#matching(/^step-[0-9]+(\.tmp-[^/]+)?(?=\/)/));
    for (const name of found) if (!kept.includes(name)) await this.#removeDirectory(name);
  }

  /** Removes every checkpoint: the run is complete. */
  async clear(): Promise<void> {
    await this.prune(0);
    // Where nothing else lies there, the directory too.
    await this.#stores.of(this.#uri).removeFiles(this.#uri, []);
  }

  /** Steps with a manifest, rising. */
  async steps(): Promise<number[]> {
    const manifests = await this.#matching(/^step-[0-9]+(?=\/manifest\.json$)/);
    return manifests.map((name) => Number(name.slice("step-".length))).sort((a, b) => a - b);
  }

  /** What `pattern` matches of the paths of files here. */
  async #matching(pattern: RegExp): Promise<string[]> {
    const entries = await this.#stores.of(this.#uri).list(this.#uri, "", { unfinished: true });
    return entries.flatMap(({ path }) => pattern.exec(path)?.[0] ?? []);
  }

  async #removeDirectory(name: string): Promise<void> {
    await removeDirectory(this.#stores, `${this.#uri}/${name}`, [stateFile, bestFile]);
  }

  async #loadFrom(uri: string, engine: Engine, facts: CheckpointFacts) {
    const found = await readManifest(this.#stores, uri, z.looseObject({}));
    if (!found) return "its manifest is not JSON, or altered";
    const manifest = understood(uri, found.manifest, facts.runHash);
    const { state, files } = manifest;
    const saved = await SavedFile.open(this.#stores, uri, files, stateFile);
    const hasBest = files.some(({ path }) => path === bestFile);
    const best = hasBest ? await SavedFile.open(this.#stores, uri, files, bestFile) : undefined;
    await restore(engine, saved);
    const same = (["numericsVersion", "isa", "microRows"] as const).every((fact) => manifest[fact] === facts[fact]);
    return {
      state: { ...state, bitwise: state.bitwise && same },
      best: best && (await readParameters(engine, best)),
    };
  }
}

/** The manifest of a checkpoint of this run; hours of work of another release are not this one's to throw away. */
function understood(uri: string, manifest: unknown, runHash: string) {
  const parsed = checkpointManifest.extend({ runHash: z.literal(runHash) }).safeParse(manifest);
  if (parsed.success) return parsed.data;
  const words = z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, " ");
  throw invalid(
    "CheckpointUnknown",
    `${uri}: a checkpoint that this release does not understand (${words}): go on with the trainer that wrote it, ` +
      "or remove it to train without it",
  );
}

/** Why a checkpoint does not count. What is no fault of its bytes is thrown on: it may be readable another time. */
function reasonOf(error: unknown): string {
  const isCorrupt = error instanceof StageFailure && error.code === exitCode.inputCorrupt;
  if (isCorrupt || error instanceof SafetensorsError || error instanceof MissingFileError) return error.message;
  throw error;
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

function parameterTensors(engine: Engine, parameters: Parameters): TensorData[] {
  return engine.stateOf("parameter").map(({ name, shape }): TensorData => {
    const values = parameters.get(name)!;
    return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  });
}

/** Of a tensor that is read: it needs no second copy of it in memory. */
const pieceBytes = 4 << 20;

/** A safetensors file of a checkpoint, its digest checked; tensors are read one by one. */
class SavedFile {
  readonly #read: ReadRange;
  readonly #tensors: SafetensorsHeader["tensors"];

  private constructor(read: ReadRange, tensors: SafetensorsHeader["tensors"]) {
    this.#read = read;
    this.#tensors = tensors;
  }

  static async open(stores: Stores, uri: string, files: z.infer<typeof fileList>, path: string): Promise<SavedFile> {
    // Not by a local copy: it may be larger than what a pod has room for.
    const bytes = await verifyListed(stores, uri, files, path);
    const read = (start: number, end: number) => stores.of(uri).read(`${uri}/${path}`, { start, end });
    return new SavedFile(read, (await readSafetensorsHeader(bytes, read)).tensors);
  }

  /** Throws when the tensor is not there with this size. */
  check(name: string, bytes: number): void {
    const tensor = this.#tensors.get(name);
    if (!tensor || tensor.end - tensor.start !== bytes)
      throw corrupt("CheckpointCorrupt", `${name} is absent or of another size`);
  }

  async into(name: string, target: Uint8Array): Promise<void> {
    this.check(name, target.length);
    const { start, end } = this.#tensors.get(name)!;
    for (let at = start; at < end; at += pieceBytes) {
      target.set(await this.#read(at, Math.min(end, at + pieceBytes)), at - start);
    }
  }
}

/** All or nothing: every name and size is compared before the first byte is copied. */
async function restore(engine: Engine, saved: SavedFile): Promise<void> {
  const targets = savedRoles.flatMap((role) =>
    engine.stateOf(role).map(({ name }) => ({ name: `${role}.${name}`, target: engine.bytes(role, name) })),
  );
  for (const { name, target } of targets) saved.check(name, target.length);
  for (const { name, target } of targets) await saved.into(name, target);
}

async function readParameters(engine: Engine, saved: SavedFile): Promise<Parameters> {
  const parameters = new Map<string, Float32Array>();
  for (const { name } of engine.stateOf("parameter")) {
    const values = new Float32Array(engine.floats("parameter", name).length);
    await saved.into(name, new Uint8Array(values.buffer));
    parameters.set(name, values);
  }
  return parameters;
}
