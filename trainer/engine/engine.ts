/**
 * A compiled run on the native executor: it binds weights to the base's files, fills the state, and runs programs by
 * key. Each program is compiled and loaded on first use.
 */

import { exitCode } from "../contract/exitCodes.ts";
import { Cancelled, corrupt, invalid, messageOf, StageFailure } from "../contract/failure.ts";
import { toBfloat16, widened } from "../formats/bfloat16.ts";
import { contentOf, type PlacedTensor } from "../formats/huggingFace.ts";
import type { Compiled, IoTensor, Program, ProgramKey, StateTensor } from "../graph/compiled.ts";
import { rolesWith, type StateRole } from "../graph/roles.ts";
import { bytesOf, type DataType, type Initial } from "../graph/tensor.ts";
import { addon, type Backend, type Decomposed, type Executor, hasCause } from "../native/addon.ts";
import { type BaseTensors, baseTensor, baseValues, readBaseRows, readBaseValues } from "./baseValues.ts";
import type { Inputs } from "./batch.ts";
import { initialValues, rowNorms } from "./initial.ts";
import { type Factors, factorsOfPart, subtractProduct } from "./parts.ts";

/** Bytes of each region, and of the kernels' scratch. */
export interface EngineMemory {
  weights: number;
  state: number;
  arena: number;
  io: number;
  scratch: number;
}

export interface EngineOptions {
  threads: number;
  backend?: Backend;
  poison?: boolean;
}

interface Loaded {
  program: Program;
  handle: number;
}

/** Options for setting initial values. */
export interface Beginning {
  /** May throw to stop; decompositions of large matrices take long. */
  readonly beforeTensor?: () => void;
  /** The tokens of a text, where a parameter starts as one. */
  readonly encode?: ((text: string) => Promise<readonly number[]>) | undefined;
  /** The values that were stored with the base, where parameters start so. */
  readonly stored?: ((name: string) => Promise<Float32Array>) | undefined;
}

/** Parameters by name: a copy that later steps do not change. */
export type Parameters = ReadonlyMap<string, Float32Array>;

export class Engine {
  readonly compiled: Compiled;
  readonly weightBytes: number;
  readonly #executor: Executor;
  readonly #threads: number;
  readonly #loaded = new Map<string, Loaded>();
  readonly #state: ReadonlyMap<string, StateTensor>;

  /** Allocates memory. Throws a failure when there is not enough. */
  constructor(compiled: Compiled, options: EngineOptions) {
    this.compiled = compiled;
    this.#executor = createExecutor(compiled, options);
    this.#threads = options.threads || addon().info().cores;
    this.#state = new Map(compiled.state.map((tensor) => [`${tensor.role}/${tensor.name}`, tensor]));
    this.weightBytes = compiled.weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
  }

  /**
   * Binds every frozen weight to its bytes in the base, except those with a product subtracted. Throws a failure that
   * names a tensor that does not fit.
   */
  async bind(base: BaseTensors): Promise<void> {
    for (const weight of this.compiled.weights) {
      if (weight.residual) continue;
      const tensor = baseTensor(base, weight.name, weight.shape);
      if (tensor.dtype !== weight.dtype) {
        this.#executor.bind(weight.binding, { data: await widenedWeight(base, tensor, weight) });
        continue;
      }
      const source = {
        path: await base.localFile(tensor.file),
        offset: tensor.start,
        bytes: tensor.end - tensor.start,
      };
      // In other programs' files tensors may begin at any byte; kernels read whole cache lines.
      const isMapped = tensor.start % 64 === 0 && tensor.suffix === undefined && tensor.coding === undefined;
      this.#executor.bind(weight.binding, isMapped ? source : { data: await contentOf(base, tensor) });
    }
  }

  /** Computes and binds the weights that have a product subtracted. Call it when the state has its values. */
  async bindResiduals(base: BaseTensors): Promise<void> {
    for (const { name, shape, dtype, binding, residual } of this.compiled.weights) {
      if (!residual) continue;
      const [rows = 0, columns = 0] = shape;
      const values = await baseValues(base, { name, shape });
      const factors = { a: this.floats("first", residual.a), b: this.floats("first", residual.b) };
      subtractProduct({ values, rows, columns }, factors, residual.scale);
      const stored = dtype === "BF16" ? toBfloat16(values) : values;
      this.#executor.bind(binding, { data: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) });
    }
  }

  /** Sets every parameter to its initial value, and moments and the method's state to zero. */
  async initialise(
    base: BaseTensors,
    seed: number,
    { beforeTensor = () => {}, encode, stored }: Beginning = {},
  ): Promise<void> {
    const parts = new Parts(base, this.#threads);
    for (const tensor of this.stateOf("parameter")) {
      beforeTensor();
      const { initial } = tensor;
      if (!initial) throw new Error(`${tensor.name} has no initial value`);
      await start(base, tensor, initial, { seed, parts, encode, stored, into: this.floats("parameter", tensor.name) });
    }
    for (const role of rolesWith(({ start }) => start === "parameter")) {
      for (const { name } of this.stateOf(role)) this.floats(role, name).set(this.floats("parameter", name));
    }
    for (const role of rolesWith(({ start }) => start === "zero")) {
      for (const { name } of this.stateOf(role)) this.bytes(role, name).fill(0);
    }
  }

  /** The largest singular values of a matrix and their vectors. */
  principal(values: Float32Array, rows: number, columns: number, rank: number): Promise<Decomposed> {
    return addon().decompose(values, rows, columns, rank, "principal", this.#threads);
  }

  stateOf(role: StateRole): StateTensor[] {
    return this.compiled.state.filter((tensor) => tensor.role === role);
  }

  /** A view of a state tensor's bytes. */
  bytes(role: StateRole, name: string): Uint8Array {
    const tensor = this.#stateTensor(role, name);
    const start = tensor.offset;
    return this.#executor.state.subarray(start, start + bytesOf(tensor));
  }

  /** A view of an F32 state tensor. */
  floats(role: StateRole, name: string): Float32Array {
    return floatsOf(this.bytes(role, name));
  }

  /** A scalar of the state. */
  scalar(name: "loss" | "gradientNorm"): number {
    const { dtype } = this.#stateTensor("scalar", name);
    const bytes = this.bytes("scalar", name);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return dtype === "F64" ? view.getFloat64(0, true) : view.getFloat32(0, true);
  }

  /**
   * Runs a program with those of `inputs` that it has. Throws when one of its inputs is missing, and `Cancelled` once
   * `signal` is aborted, before its start or between two instructions. Pass a signal only to a program that writes no
   * parameter and no moment.
   */
  async run(key: ProgramKey, inputs: Inputs = {}, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new Cancelled(`program ${key.program} was not started`);
    const { program, handle } = this.#load(key);
    for (const tensor of program.io.values()) {
      const values = tensor.values ?? inputs[tensor.name];
      if (values) this.#write(key, tensor, values);
      else if (tensor.direction === "in") throw new Error(`program ${key.program} needs input ${tensor.name}`);
    }
    if (!(await this.#execute(handle, signal))) throw new Cancelled(`program ${key.program} was cancelled`);
  }

  async #execute(handle: number, signal: AbortSignal | undefined): Promise<boolean> {
    const cancel = () => this.#executor.cancel();
    signal?.addEventListener("abort", cancel);
    try {
      return await this.#executor.run(handle);
    } catch (error) {
      throw hasCause(error, "OutOfDeviceMemory") ? outOfMemory(error) : error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  #write({ program }: ProgramKey, tensor: IoTensor, values: Inputs[string] & object): void {
    const room = this.#io(tensor);
    if (room.byteLength !== values.byteLength) {
      throw new Error(`program ${program}: ${tensor.name} takes ${room.byteLength} bytes, not ${values.byteLength}`);
    }
    room.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** A copy of an output of the last program; the F64 of programs in double precision is rounded to F32. */
  output(key: ProgramKey, name: "nll" | "logits"): Float32Array {
    return floatsFrom(this.#load(key).program.io.get(name)?.dtype ?? "F32", this.#output(key, name));
  }

  /** Copies of all outputs of the last program in F32, by name. */
  outputs(key: ProgramKey): { name: string; shape: readonly number[]; values: Float32Array }[] {
    const made = [...this.#load(key).program.io.values()].filter(({ direction }) => direction === "out");
    return made.map(({ name, shape, dtype }) => ({ name, shape, values: floatsFrom(dtype, this.#output(key, name)) }));
  }

  /** Figures of answers in double, from the losses of preferences. */
  segments(key: ProgramKey): Float64Array {
    return new Float64Array(this.#output(key, "segments").slice().buffer);
  }

  /** The likeliest tokens, from `generate`. */
  next(key: ProgramKey): Int32Array {
    return new Int32Array(this.#output(key, "next").slice().buffer);
  }

  /** Seconds of each instruction of a program so far, in the order of `Program.work`. */
  seconds(key: ProgramKey): Float64Array {
    return this.#executor.instructionSeconds(this.#load(key).handle);
  }

  /** Peak bytes in use so far. */
  peakBytes(): number {
    return Object.values(this.memory()).reduce((total, bytes) => total + bytes, 0);
  }

  /** The same by region; the arena's is its high-water mark. */
  memory(): EngineMemory {
    const { stateBytes, ioBytes } = this.compiled;
    const [arena, scratch] = [this.#executor.arenaPeakBytes(), this.#executor.scratchBytes()];
    return { weights: this.weightBytes, state: stateBytes, arena, io: ioBytes, scratch };
  }

  close(): void {
    this.#executor.close();
  }

  #load(key: ProgramKey): Loaded {
    const name = JSON.stringify(key);
    const known = this.#loaded.get(name);
    if (known) return known;
    const program = this.compiled.program(key);
    const loaded = { program, handle: this.#executor.load(program.bytes) };
    this.#loaded.set(name, loaded);
    return loaded;
  }

  #output(key: ProgramKey, name: string): Uint8Array {
    const tensor = this.#load(key).program.io.get(name);
    if (!tensor) throw new Error(`program ${key.program} has no output ${name}`);
    return this.#io(tensor);
  }

  #io(tensor: IoTensor): Uint8Array {
    return this.#executor.io.subarray(tensor.offset, tensor.offset + bytesOf(tensor));
  }

  #stateTensor(role: StateRole, name: string): StateTensor {
    const tensor = this.#state.get(`${role}/${name}`);
    if (!tensor) throw new Error(`the run has no ${role} ${name}`);
    return tensor;
  }
}

/** Writes the first values of a parameter. */
async function start(
  base: BaseTensors,
  tensor: StateTensor,
  initial: Initial,
  {
    seed,
    parts,
    into,
    encode,
    stored,
  }: Pick<Beginning, "encode" | "stored"> & {
    seed: number;
    parts: Parts;
    into: Float32Array;
  },
): Promise<void> {
  switch (initial.kind) {
    case "text": {
      if (!encode) throw new Error(`${tensor.name} is initialised from a text, but there is no encoder`);
      const ids = await encode(initial.text).catch((error: unknown) => {
        throw invalid("InitialText", `method.promptTuning.initialText: ${messageOf(error)}: write another text`);
      });
      const beyond = ids.find((id) => id >= initial.shape[0]);
      if (beyond !== undefined)
        throw invalid(
          "InitialText",
          `method.promptTuning.initialText: token ${beyond} is beyond the ${initial.shape[0]} rows of ${initial.weight}: write another text`,
        );
      if (ids.length === 0)
        throw invalid("InitialText", "method.promptTuning.initialText has no tokens: write a longer text");
      const rows = Array.from({ length: tensor.shape[0] ?? 0 }, (_, index) => ids[index % ids.length]!);
      await readBaseRows(base, { name: initial.weight, shape: initial.shape }, rows, into);
      for (let index = 0; index < into.length; index++) into[index]! *= initial.factor;
      return;
    }
    case "stored":
      if (!stored) throw new Error(`${tensor.name} was stored with the base, but nothing reads it`);
      into.set(await stored(tensor.name));
      return;
    case "rows":
      return await readBaseRows(base, { name: initial.weight, shape: initial.shape }, initial.rows, into);
    case "base":
      return await readBaseValues(base, tensor, into);
    case "rowNorms":
      into.set(rowNorms(await baseValues(base, { name: initial.weight, shape: initial.shape }), initial.shape));
      return;
    case "part":
      into.set((await parts.factors(initial, tensor.shape))[initial.side]);
      return;
    default:
      into.set(initialValues(tensor, initial, seed));
  }
}

/** Decomposes weights. A and B follow each other and share one decomposition. */
class Parts {
  readonly #base: BaseTensors;
  readonly #threads: number;
  #last: { weight: string; factors: Factors } | undefined;

  constructor(base: BaseTensors, threads: number) {
    this.#base = base;
    this.#threads = threads;
  }

  async factors(initial: Extract<Initial, { kind: "part" }>, shape: readonly number[]): Promise<Factors> {
    const { weight, shape: matrix, side } = initial;
    if (this.#last?.weight !== weight) {
      const values = await baseValues(this.#base, { name: weight, shape: matrix });
      const rank = shape[side === "a" ? 0 : 1] ?? 0;
      const [rows, columns] = matrix;
      this.#last = { weight, factors: await factorsOfPart({ values, rows, columns }, rank, initial, this.#threads) };
    }
    return this.#last.factors;
  }
}

/** A weight of a narrower type than the program's as F32: an F16 base, or one of a mixture. */
async function widenedWeight(
  base: BaseTensors,
  tensor: PlacedTensor,
  weight: Compiled["weights"][number],
): Promise<Uint8Array> {
  if (weight.dtype !== "F32" || tensor.dtype === "U8") {
    throw corrupt("BaseModelCorrupt", `${weight.name} is ${tensor.dtype}, expected ${weight.dtype}`);
  }
  const values = await baseValues(base, weight);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy of a tensor's values in F32. */
function floatsFrom(dtype: DataType, view: Uint8Array): Float32Array {
  const bytes = view.slice();
  if (dtype === "F64") return Float32Array.from(new Float64Array(bytes.buffer));
  return dtype === "BF16" ? widened(bytes, "BF16") : floatsOf(bytes);
}

const floatsOf = (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

function createExecutor(compiled: Compiled, { threads, backend, poison }: EngineOptions): Executor {
  const { stateBytes, pagedState, arenaBytes, ioBytes, weights, scratch } = compiled;
  try {
    return addon().createExecutor({
      backend: backend ?? "cpu",
      threads,
      stateBytes,
      paged: pagedState,
      arenaBytes,
      ioBytes,
      threadScratchBytes: scratch.thread,
      sharedScratchBytes: scratch.shared,
      weights: weights.length,
      poison: poison ?? false,
    });
  } catch (error) {
    if (hasCause(error, "NoUsableGpu") || !/memory/i.test(messageOf(error))) throw error;
    throw outOfMemory(error);
  }
}

const outOfMemory = (error: unknown) => new StageFailure(exitCode.outOfDeviceMemory, "OutOfMemory", messageOf(error));
