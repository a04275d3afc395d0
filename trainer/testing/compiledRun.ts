/**
 * For tests of models, methods and whole runs: a tiny model, specs with defaults, batches of examples, and a compiled run
 * on the executor. Its tensors start with random values that depend only on their names.
 */
import assert from "node:assert/strict";
import { linearLayers } from "../compile/compile.ts";
import { toBfloat16 } from "../formats/bfloat16.ts";
import type { Compiled, CompileSpec, ProgramKey } from "../graph/compiled.ts";
import { isNf4, nf4Parts } from "../graph/nf4.ts";
import type { StateRole } from "../graph/roles.ts";
import { bytesOf, elementsOf } from "../graph/tensor.ts";
import { ropeTable } from "../models/rope.ts";
import { addon, type Backend, type Executor } from "../native/addon.ts";
import { ioView, randoms, type Values, viewOf } from "./graphs.ts";

/** A model small enough for double precision and finite differences, with every shape different. */
export const tinyModel: CompileSpec["model"] = {
  family: "llama",
  vocabSize: 29,
  hiddenSize: 24,
  intermediateSize: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  contextLength: 64,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  tieWordEmbeddings: true,
};

export const tinyLora = {
  kind: "lora",
  rank: 3,
  alpha: 5,
  dropout: 0,
  targetModules: ["all-linear"],
  targetParameters: [],
  rankStabilized: false,
  excludeModules: [],
  layers: [],
  rankPattern: {},
  alphaPattern: {},
  initialization: "Kaiming",
  learningRateRatio: 1,
  bias: "None",
  modulesToSave: [],
  trainableTokens: {},
  ensureWeightTying: false,
  loftqIterations: undefined,
  evaRho: undefined,
  evaTau: undefined,
} as const;

export const aSpec = (changes: Partial<CompileSpec> = {}): CompileSpec => ({
  model: tinyModel,
  device: "cpu",
  storage: { dense: "F32", linear: "F32", doubleQuantization: false },
  method: { kind: "full" },
  training: {
    optimizer: { type: "AdamW", weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, paged: false },
    maxGradNorm: 1,
  },
  precision: "F32",
  rowTokens: 12,
  microRows: 1,
  recomputedBlocks: 0,
  ...changes,
});

export interface RunOptions {
  backend?: Backend;
  poison?: boolean;
  threads?: number;
  /** Changes the values of a frozen weight before it is bound. */
  change?: (tensor: { readonly name: string; readonly shape: readonly number[] }, values: Float32Array) => void;
}

/** A compiled run with random weights and parameters, the same for the same names and shapes. */
export class TestRun {
  readonly compiled: Compiled;
  readonly #executor: Executor;
  readonly #handles = new Map<string, number>();

  constructor(compiled: Compiled, { backend = "reference", poison = true, threads = 1, change }: RunOptions = {}) {
    const { stateBytes, pagedState, arenaBytes, ioBytes, scratch } = compiled;
    this.compiled = compiled;
    const weights = compiled.weights.length;
    const sizes = {
      stateBytes,
      paged: pagedState,
      arenaBytes,
      ioBytes,
      threadScratchBytes: scratch.thread,
      sharedScratchBytes: scratch.shared,
    };
    this.#executor = addon().createExecutor({ backend, threads, poison, weights, ...sizes });
    const quantized = quantizedParts(compiled.spec, change);
    for (const { name, dtype, shape, binding } of compiled.weights) {
      const part = quantized.get(name);
      if (part) {
        this.#executor.bind(binding, { data: part });
        continue;
      }
      const values = startOf(name, shape);
      change?.({ name, shape }, values);
      const stored = dtype === "BF16" ? toBfloat16(values) : values;
      this.#executor.bind(binding, { data: new Uint8Array(stored.buffer) });
    }
    for (const { role, name, shape } of compiled.state)
      if (role === "parameter") this.floats(role, name).set(startOf(name, shape));
  }

  /** A view of an F32 tensor of the state. */
  floats(role: StateRole, name: string): Float32Array {
    const tensor = this.compiled.state.find((other) => other.role === role && other.name === name);
    assert(tensor?.dtype === "F32", `no F32 ${role} ${name}`);
    return viewOf(this.#executor.state, tensor.dtype, tensor.shape, tensor.offset) as Float32Array;
  }

  /** A view of the bytes of a tensor of the state. */
  bytes(role: StateRole, name: string): Uint8Array {
    const tensor = this.compiled.state.find((other) => other.role === role && other.name === name);
    assert(tensor, `no ${role} ${name}`);
    return this.#executor.state.subarray(tensor.offset, tensor.offset + bytesOf(tensor));
  }

  names(role: StateRole): string[] {
    return this.compiled.state.filter((tensor) => tensor.role === role).map(({ name }) => name);
  }

  get loss(): number {
    return this.#scalar("loss") ?? Number.NaN;
  }

  /** The method's addition to the loss of a step; `loss` does not include it. */
  get penalty(): number {
    return this.#scalar("penalty") ?? 0;
  }

  #scalar(own: "loss" | "penalty"): number | undefined {
    const tensor = this.compiled.state.find(({ role, name }) => role === "scalar" && name === own);
    return tensor && viewOf(this.#executor.state, "F64", [1], tensor.offset)[0];
  }

  /** The highest byte of the arena used so far. */
  get arenaPeakBytes(): number {
    return this.#executor.arenaPeakBytes();
  }

  get scratchBytes(): number {
    return this.#executor.scratchBytes();
  }

  /** All gradients, copied. */
  gradients(): Map<string, Float32Array> {
    return new Map(this.names("gradient").map((name) => [name, this.floats("gradient", name).slice()]));
  }

  /** Runs a program with inputs from `values`; returns its io afterwards. */
  async run(key: ProgramKey, values: Values = {}): Promise<Record<string, Float64Array>> {
    const program = this.compiled.program(key);
    const name = JSON.stringify(key);
    const handle = this.#handles.get(name) ?? this.#executor.load(program.bytes);
    this.#handles.set(name, handle);
    for (const tensor of program.io.values())
      ioView(this.#executor, tensor).set(tensor.values ?? values[tensor.name] ?? []);
    await this.#executor.run(handle);
    return Object.fromEntries(
      [...program.io].map(([io, tensor]) => [io, Float64Array.from(ioView(this.#executor, tensor))]),
    );
  }

  /** Gradients of one step: zeroes and derives them, then runs every micro-batch. Returns the loss. */
  async step(batches: readonly Values[]): Promise<number> {
    await this.run({ program: "begin" });
    await this.run({ program: "derive" });
    const trainedRows = this.compiled.trainedRowBuckets.at(-1) ?? 0;
    for (const values of batches) await this.run({ program: "micro", trainedRows }, values);
    await this.run({ program: "pullback" });
    return this.loss;
  }

  close(): void {
    this.#executor.close();
  }
}

/** The bytes of the base's NF4 matrices by the names of their parts. */
function quantizedParts({ model, storage }: CompileSpec, change: RunOptions["change"]): Map<string, Uint8Array> {
  const parts = new Map<string, Uint8Array>();
  if (storage.linear !== "NF4") return parts;
  for (const { name: layer, in: width, out } of linearLayers(model)) {
    if (!isNf4(storage, layer)) continue;
    const tensor = { name: `${layer}.weight`, shape: [out, width] };
    const values = startOf(tensor.name, tensor.shape);
    change?.(tensor, values);
    const made = addon().quantizeNf4(new Uint8Array(values.buffer), "F32", storage.doubleQuantization);
    const bytes = [made.packed, made.absmax, made.nestedAbsmax];
    for (const [index, { name }] of nf4Parts(tensor.name, tensor.shape, storage.doubleQuantization).entries())
      parts.set(name, bytes[index]!);
  }
  return parts;
}

/** Norm weights near one, everything else around zero; by name, so that runs of different methods agree. */
export function startOf(name: string, shape: readonly number[]): Float32Array {
  const seed = [...name].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0, 7);
  const random = randoms(seed);
  const spread = shape.length === 1 ? 0.2 : (1 / Math.sqrt(shape[1] ?? 1)) * 2;
  return Float32Array.from({ length: elementsOf(shape) }, () => random() * spread + (shape.length === 1 ? 1 : 0));
}

export interface Example {
  /** Identifies the example in the random keys, independent of its position. */
  readonly id: number;
  readonly tokens: readonly number[];
}

/**
 * Puts examples one after another into the rows of a micro-batch; every token but the first is a target of `weight`.
 */
export function batchOf(examples: readonly Example[], tokens: number, weight: number): Values {
  const { cos, sin, width } = ropeTable(tinyModel, tokens);
  const rows = examples.flatMap(({ id, tokens: ids }, index) => {
    const start = examples.slice(0, index).reduce((sum, example) => sum + example.tokens.length, 0);
    return ids.map((token, position) => ({ token, position, start, id, next: ids[position + 1], length: ids.length }));
  });
  assert(rows.length <= tokens, "the examples do not fit");
  const trained = rows.flatMap(({ next }, row) => (next === undefined ? [] : [{ row, next }]));
  const fill = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));
  const angles = (table: Float32Array) =>
    fill(tokens * width, (i) => table[(rows[Math.floor(i / width)]?.position ?? 0) * width + (i % width)] ?? 0);
  return {
    ids: fill(tokens, (row) => rows[row]?.token ?? 0),
    segmentStart: fill(tokens, (row) => rows[row]?.start ?? row),
    cos: angles(cos),
    sin: angles(sin),
    trainedRow: fill(tokens, (index) => trained[index]?.row ?? -1),
    target: fill(tokens, (index) => trained[index]?.next ?? 0),
    lossWeight: fill(tokens, (index) => (trained[index] ? weight : 0)),
    rowKey: fill(tokens, (row) => [rows[row]?.id ?? 0, rows[row]?.position ?? 0]).flat(),
    rngKey: [11, 3],
    length: fill(tokens, (row) => rows[row]?.length ?? 0),
    exampleWeight: fill(tokens, (row) => (rows[row]?.position === 0 ? weight * (rows[row].length - 1) : 0)),
  };
}
