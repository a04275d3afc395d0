/**
 * The tensors that all programs of a run share: bindings of frozen weights, and parameters with their gradients and
 * moments. A model requests them by name while its graph is built; the first build declares them, later builds find the
 * same ones.
 */
import type { OptimizerSettings } from "../contract/effective.ts";
import type { CompileSpec, Residual } from "./compiled.ts";
import { isNf4, nf4Parts } from "./nf4.ts";
import type { Accumulator } from "./op.ts";
import type { KeyValuePrefix, LatentOptions, Prompt, Site, StepDeriver, TrainableOptions, Trained } from "./site.ts";
import {
  type DataType,
  elementsOf,
  type Initial,
  type Role,
  type Tensor,
  type TensorStorage,
  widthOf,
} from "./tensor.ts";

export interface Parameter extends Trained {
  readonly theta: Tensor;
  /** The forward and backward pass's value: scale · θ in the activation type, or θ itself if that is equal. */
  readonly phi: Tensor;
  readonly scale: number;
  readonly learningRateScale: number;
  /** Whether weight decay applies to it. */
  readonly decays: boolean;
  readonly gradientMask: Tensor | undefined;
  readonly initial: Initial;
  readonly gradient: Tensor;
  readonly moments: Moments;
}

/** The optimiser's state of a parameter: values in F32, or codes of 8 bits with a scale per block (ops/adamw8). */
export type Moments =
  | { readonly kind: "F32"; readonly m: Tensor; readonly v: Tensor }
  | {
      readonly kind: "8bit";
      readonly m: Tensor;
      readonly mScale: Tensor;
      readonly v: Tensor;
      readonly vScale: Tensor;
    };

/** The tensors of a parameter's moments. */
export const tensorsOfMoments = (moments: Moments): readonly Tensor[] =>
  moments.kind === "F32" ? [moments.m, moments.v] : [moments.m, moments.mScale, moments.v, moments.vScale];

/** Tensors with fewer elements keep their moments in F32, as in bitsandbytes. */
const fewest8bitElements = 4096;
/** Elements per scale. */
const momentBlock = 256;

/** A value derived from parameters and frozen weights once per step. */
export interface Derivation {
  readonly phi: Tensor;
  /** Its gradient, summed over the micro-batches of a step. */
  readonly cotangent: Tensor;
  readonly build: (at: StepDeriver) => Tensor;
}

type Penalty = Parameters<Site["penalty"]>[0];
type Observation = Parameters<Site["observe"]>[0];

export interface FrozenWeight {
  readonly tensor: Tensor;
  /** The bound parts, in the order of the tensor's bindings: the data, or the nibbles, absmax and nested absmax. */
  readonly parts: readonly { name: string; dtype: DataType; shape: readonly number[] }[];
}

export class Variables {
  readonly frozen = new Map<string, FrozenWeight>();
  readonly parameters = new Map<string, Parameter>();
  readonly caches = new Map<string, Tensor>();
  readonly derivations = new Map<string, Derivation>();
  readonly cachePrefixes = new Map<string, { prefix: KeyValuePrefix; cache: KeyValuePrefix }>();
  /** The method's prompt, once a model is built. */
  prompt: Prompt | undefined;
  readonly penalties = new Map<string, Penalty>();
  /** Their sum; it has memory only if there are any. */
  readonly penalty = state("penalty", "scalar", "F64", [1]);
  readonly methodState = new Map<string, Tensor>();
  /** By the name of the weight. */
  readonly residuals = new Map<string, Residual>();
  readonly firsts = new Map<string, Tensor>();
  readonly observations = new Map<string, Observation>();
  readonly loss = state("loss", "scalar", "F64", [1]);
  readonly gradientSquares = state("gradientSquares", "scalar", "F64", [1]);
  readonly gradientNorm = state("gradientNorm", "scalar", "F32", [1]);
  readonly clipFactor = state("clipFactor", "scalar", "F32", [1]);
  readonly activationType: DataType;
  /** Whether a training reads and writes them, or a finished result is run. */
  readonly isTraining: boolean;
  readonly #rows = new Map<string, { readonly phi: Tensor; readonly part: Tensor; readonly row: number }>();
  readonly #storage: CompileSpec["storage"];
  readonly #optimizer: OptimizerSettings["type"];
  #sealed = false;

  constructor(storage: CompileSpec["storage"], activationType: DataType, optimizer?: OptimizerSettings["type"]) {
    this.#storage = storage;
    this.#optimizer = optimizer ?? "AdamW";
    this.isTraining = optimizer !== undefined;
    this.activationType = activationType;
  }

  /** Forbids new names from now on, because programs of one run would disagree about the layout of state. */
  seal(): void {
    this.#sealed = true;
  }

  /** A tensor of the base: in the storage of norms and embeddings, in that of the linear layers, or in F32 as a given adapter. */
  weight(name: string, shape: readonly number[], kind: "dense" | "linear" | "given"): Tensor {
    return this.#declare(this.frozen, name, () => frozenWeight(name, shape, kind, this.#storage)).tensor;
  }

  /** A trained tensor. */
  parameter(name: string, shape: readonly number[], initial: Initial, options: TrainableOptions = {}): Parameter {
    return this.#declare(this.parameters, name, () => this.#parameter(name, shape, initial, options, true));
  }

  /** A trained tensor without φ. */
  latent(name: string, shape: readonly number[], initial: Initial, options: LatentOptions = {}): Parameter {
    return this.#declare(this.parameters, name, () => this.#parameter(name, shape, initial, options, false));
  }

  derived(name: string, shape: readonly number[], dtype: DataType, build: Derivation["build"]): Tensor {
    return this.#declare(this.derivations, name, () => ({
      phi: state(name, "derived", dtype, shape),
      cotangent: state(name, "cotangent", "F32", shape),
      build,
    })).phi;
  }

  penalise(name: string, build: Penalty): void {
    this.#declare(this.penalties, name, () => build);
  }

  /** Copies the prefix into the first rows of every slot of this cache whenever it changes. */
  prefixCache(name: string, prefix: KeyValuePrefix, cache: KeyValuePrefix): void {
    this.#declare(this.cachePrefixes, name, () => ({ prefix, cache }));
  }

  keep(name: string, shape: readonly number[]): Tensor {
    return this.#declare(this.methodState, name, () => state(name, "method", "F32", shape));
  }

  /** Subtracts the product of the initial values of two parameters from a weight. */
  subtractProduct(weight: string, a: Tensor, b: Tensor, scale: number): void {
    this.#declare(this.residuals, weight, () => ({ a: a.name, b: b.name, scale }));
    for (const { name, shape } of [a, b]) this.#declare(this.firsts, name, () => state(name, "first", "F32", shape));
  }

  observe(name: string, build: Observation): void {
    this.#declare(this.observations, name, () => build);
  }

  cache(name: string, shape: readonly number[]): Tensor {
    return this.#declare(this.caches, name, () => state(name, "cache", this.activationType, shape));
  }

  /** Every tensor of the state, of all roles. */
  state(): readonly Tensor[] {
    const ofParameters = [...this.parameters.values()].flatMap(({ theta, phi, gradient, moments }) => [
      theta,
      ...(phi === theta ? [] : [phi]),
      gradient,
      ...tensorsOfMoments(moments),
    ]);
    const ofDerivations = [...this.derivations.values()].flatMap(({ phi, cotangent }) => [phi, cotangent]);
    const penalty = this.penalties.size > 0 ? [this.penalty] : [];
    const scalars = [this.loss, this.gradientSquares, this.gradientNorm, this.clipFactor, ...penalty];
    const ofMethod = [...this.methodState.values(), ...this.firsts.values()];
    return [...ofParameters, ...ofDerivations, ...ofMethod, ...scalars, ...this.caches.values()];
  }

  /** Rows of φ of a parameter, all its dimensions but the last flattened, as a tensor of their own, with their part of its gradient. */
  rowsOf(phi: Tensor, row: number, rows: number): Tensor {
    return this.#declare(this.#rows, `${phi.name} ${row} ${rows}`, () => ({ phi, part: part(phi, row, rows), row }))
      .part;
  }

  /** For each φ, the accumulator of its gradient over the micro-batches of a step. dθ = scale · dφ. */
  accumulators(): Map<Tensor, Accumulator> {
    const parameters = [...this.parameters.values()].map(
      ({ phi, gradient, scale }) => [phi, { gradient, scale }] as const,
    );
    const derived = [...this.derivations.values()].map(
      ({ phi, cotangent }) => [phi, { gradient: cotangent, scale: 1 }] as const,
    );
    const whole = new Map([...parameters, ...derived]);
    const rows = [...this.#rows.values()].flatMap(({ phi, part: own, row }) => {
      const of = whole.get(phi);
      return of ? [[own, { ...of, gradient: part(of.gradient, row, own.shape[0] ?? 0) }] as const] : [];
    });
    return new Map([...whole, ...rows]);
  }

  /** For each θ, the gradient that the pull-back adds to. */
  gradients(): Map<Tensor, Accumulator> {
    return new Map([...this.parameters.values()].map(({ theta, gradient }) => [theta, { gradient, scale: 1 }]));
  }

  #parameter(
    name: string,
    shape: readonly number[],
    initial: Initial,
    { scale = 1, learningRateScale = 1, decays = shape.length > 1, gradientMask }: TrainableOptions,
    isRead: boolean,
  ): Parameter {
    const theta = state(name, "parameter", "F32", shape);
    const same = !isRead || (this.activationType === "F32" && scale === 1);
    return {
      theta,
      phi: same ? theta : state(name, "derived", this.activationType, shape),
      scale,
      learningRateScale,
      decays,
      gradientMask,
      initial,
      gradient: state(name, "gradient", "F32", shape),
      moments: this.#moments(name, shape),
    };
  }

  #moments(name: string, shape: readonly number[]): Moments {
    const elements = elementsOf(shape);
    if (this.#optimizer === "AdamW" || elements < fewest8bitElements) {
      return { kind: "F32", m: state(name, "moment1", "F32", shape), v: state(name, "moment2", "F32", shape) };
    }
    const scales = [Math.ceil(elements / momentBlock)];
    return {
      kind: "8bit",
      m: state(name, "moment1", "U8", shape),
      mScale: state(`${name}.scale`, "moment1", "F32", scales),
      v: state(name, "moment2", "U8", shape),
      vScale: state(`${name}.scale`, "moment2", "F32", scales),
    };
  }

  #declare<T>(known: Map<string, T>, name: string, make: () => T): T {
    const existing = known.get(name);
    if (existing) return existing;
    if (this.#sealed) throw new Error(`${name} is new to this run: its programs must share one set of tensors`);
    const made = make();
    known.set(name, made);
    return made;
  }
}

function part(tensor: Tensor, row: number, rows: number): Tensor {
  return { ...tensor, shape: [rows, widthOf(tensor)], within: { tensor, row } };
}

function state(name: string, role: Role, dtype: DataType, shape: readonly number[]): Tensor {
  return { name, role, dtype, storage: "dense", shape };
}

function frozenWeight(
  name: string,
  shape: readonly number[],
  kind: "dense" | "linear" | "given",
  storage: CompileSpec["storage"],
): FrozenWeight {
  const frozen = (dtype: DataType, how: TensorStorage): Tensor => ({
    name,
    role: "frozen",
    dtype,
    storage: how,
    shape,
  });
  if (kind !== "linear" || !isNf4(storage, name.replace(/\.weight$/, ""))) {
    const dense = kind === "given" ? "F32" : storage.dense;
    return { tensor: frozen(dense, "dense"), parts: [{ name, dtype: dense, shape }] };
  }
  // An NF4 tensor has the type of its dequantised values.
  return { tensor: frozen("F32", "NF4"), parts: nf4Parts(name, shape, storage.doubleQuantization) };
}
