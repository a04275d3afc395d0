/**
 * Checkpoints: `checkpoints/step-N/` with the parameters, both moments, the best parameters so far and the state of the
 * loop. A checkpoint is valid when its manifest and every digest match. A run resumes from the newest valid one, so no
 * pointer to it is needed. After a checkpoint, a run depends only on its bytes and the run file.
 */
import { z } from "zod";
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, invalid, StageFailure } from "../contract/failure.ts";
import { evaluationFigures } from "../contract/report.ts";
import type { Engine, Parameters } from "../engine/engine.ts";
import {
  type ReadRange,
  readSafetensorsHeader,
  SafetensorsError,
  type SafetensorsHeader,
} from "../formats/safetensors.ts";
import { safetensorsChunks, type TensorData } from "../formats/safetensorsWriter.ts";
import { rolesWith } from "../graph/roles.ts";
import type { DataType } from "../graph/tensor.ts";
import { DirectoryWriter, fileList, readManifest, removeDirectory, verifyListed } from "../stores/directory.ts";
import { MissingFileError } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";

const savedRoles = rolesWith(({ checkpointed }) => checkpointed);

/** The state of the loop after a step; the run file determines everything but the times. */
const loopState = z.strictObject({
  step: z.int().min(0),
  /** Loss of the last step; supervised, in nats per token. */
  loss: z.number(),
  evalLoss: z.number().optional(),
  evalRewardAccuracy: z.number().optional(),
  evalRewardMargin: z.number().optional(),
  /** The step of that validation loss; an interrupted validation is repeated. */
  evaluatedStep: z.int().min(0),
  bestStep: z.int().min(0),
  bestEvalLoss: z.number().optional(),
  /** The figures of preferences at the best step. */
  bestEvalRewards: z
    .strictObject({ evalRewardAccuracy: z.number().optional(), evalRewardMargin: z.number().optional() })
    .optional(),
  evaluationsWithoutImprovement: z.int().min(0),
  trainedTokens: z.int().min(0),
  /** Tokens processed by the model, without padding. */
  tokens: z.int().min(0),
  /** Seconds of training, over all attempts. */
  seconds: z.number().min(0),
  resumes: z.int().min(0),
  /**
   * False after a resume with another instruction set, numerics version or micro-batch, whose sums round differently.
   */
  bitwise: z.boolean(),
  evaluationBefore: evaluationFigures.optional(),
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
  /** Rows per micro-batch. */
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

  /** Writes `step-N` durably. `best` is passed if it differs from the state's parameters. */
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
   * Loads the newest valid checkpoint into the engine; undefined when there is none. A damaged one is reported through
   * `log` and removed, so that it does not count as kept. An intact one in an unknown form stays, and a failure names
   * it. Throws when the store cannot be read.
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
      log(`${uri}: the checkpoint is damaged and is removed: ${loaded}`);
      await this.#removeDirectory(`step-${step}`);
    }
    return undefined;
  }

  /**
   * Removes all but the newest `keep`, and partial checkpoints of killed processes. Call it only while no checkpoint is
   * being written.
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
    // Also removes the directory if it is then empty.
    await this.#stores.of(this.#uri).removeFiles(this.#uri, []);
  }

  /** Steps with a manifest, in ascending order. */
  async steps(): Promise<number[]> {
    const manifests = await this.#matching(/^step-[0-9]+(?=\/manifest\.json$)/);
    return manifests.map((name) => Number(name.slice("step-".length))).sort((a, b) => a - b);
  }

  /** The distinct matches of `pattern` among the paths of files here. */
  async #matching(pattern: RegExp): Promise<string[]> {
    const entries = await this.#stores.of(this.#uri).list(this.#uri, "", { unfinished: true });
    return entries.flatMap(({ path }) => pattern.exec(path)?.[0] ?? []);
  }

  async #removeDirectory(name: string): Promise<void> {
    await removeDirectory(this.#stores, `${this.#uri}/${name}`, [stateFile, bestFile]);
  }

  async #loadFrom(uri: string, engine: Engine, facts: CheckpointFacts) {
    const found = await readManifest(this.#stores, uri, z.looseObject({}));
    if (!found) return "its manifest is not JSON or was changed";
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

/**
 * The manifest of a checkpoint of this run. Another release's checkpoint is kept, because it may hold hours of work.
 */
function understood(uri: string, manifest: unknown, runHash: string) {
  const parsed = checkpointManifest.extend({ runHash: z.literal(runHash) }).safeParse(manifest);
  if (parsed.success) return parsed.data;
  const words = z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, " ");
  throw invalid(
    "CheckpointUnknown",
    `${uri}: this release does not support the checkpoint (${words}): resume with the trainer that wrote it, ` +
      "or remove the checkpoint to train without it",
  );
}

/**
 * The reason why a checkpoint is invalid. Errors other than damaged bytes are rethrown, because they may be temporary.
 */
function reasonOf(error: unknown): string {
  const isCorrupt = error instanceof StageFailure && error.code === exitCode.inputCorrupt;
  if (isCorrupt || error instanceof SafetensorsError || error instanceof MissingFileError) return error.message;
  throw error;
}

function savedTensors(engine: Engine): TensorData[] {
  return savedRoles.flatMap((role) =>
    engine.stateOf(role).map(({ name, dtype, shape }) => ({
      name: `${role}.${name}`,
      dtype: savedType(dtype),
      shape,
      data: engine.bytes(role, name),
    })),
  );
}

/** Checkpointed state is in F32, or in codes of 8 bits. */
function savedType(dtype: DataType): "F32" | "U8" {
  if (dtype !== "F32" && dtype !== "U8") throw new Error(`no checkpoint holds ${dtype}`);
  return dtype;
}

function parameterTensors(engine: Engine, parameters: Parameters): TensorData[] {
  return engine.stateOf("parameter").map(({ name, shape }): TensorData => {
    const values = parameters.get(name)!;
    return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  });
}

/** Tensors are read in pieces of this size, so that no second copy is in memory. */
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
    // Without a local copy, because it may not fit on the pod's disk.
    const bytes = await verifyListed(stores, uri, files, path);
    const read = (start: number, end: number) => stores.of(uri).read(`${uri}/${path}`, { start, end });
    return new SavedFile(read, (await readSafetensorsHeader(bytes, read)).tensors);
  }

  /** Throws when the tensor is missing or has another size. */
  check(name: string, bytes: number): void {
    const tensor = this.#tensors.get(name);
    if (!tensor || tensor.end - tensor.start !== bytes)
      throw corrupt("CheckpointCorrupt", `${name} is missing or has another size`);
  }

  async into(name: string, target: Uint8Array): Promise<void> {
    this.check(name, target.length);
    const { start, end } = this.#tensors.get(name)!;
    for (let at = start; at < end; at += pieceBytes) {
      target.set(await this.#read(at, Math.min(end, at + pieceBytes)), at - start);
    }
  }
}

/** All or nothing: checks every name and size before it copies the first byte. */
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
