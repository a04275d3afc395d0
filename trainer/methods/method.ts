/**
 * The interface of a training method. Every member but `describe` is optional, so a simple method is one function. `base`
 * is the model's own composite op, so the interface costs no method any speed.
 */
import type { Declaration, MethodSettings, SettingsOf } from "../contract/methods/declaration.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { SettingTable } from "../contract/setting.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import type {
  AfterStep,
  AttentionSite,
  BaseEmbedding,
  BaseLinear,
  BranchEnd,
  BranchSite,
  ContextSite,
  EmbeddingSite,
  ExpertLowRank,
  ExpertSite,
  KeyValuePrefix,
  LinearSite,
  Prompt,
  Setup,
  SetupFacts,
  SetupHost,
  SiteRewriter,
  StepHost,
} from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AdapterLibrary, ConfigFacts, NamedValues, PeftFormat, StoredShape } from "./peft.ts";
import { peftPrefix } from "./peft.ts";
import { type PeftConfig, PeftMembers } from "./peftMembers.ts";

/** The matrix of an expert in the parameter of all of them: the expert's number, and the matrix's among those of the parameter. */
export interface ExpertPart {
  readonly expert: number;
  /** Its rows are those behind as many others of its own number of rows. */
  readonly index: number;
}

/** A linear layer to merge, or an embedding (one row per token): its name and its trained tensors by name. */
export interface TrainedSite {
  readonly name: string;
  /** Present: a matrix of this expert, `name` and the trained tensors are those of the parameter of all experts. */
  readonly part?: ExpertPart | undefined;
  readonly in: number;
  readonly out: number;
  has(name: string): boolean;
  parameter(name: string): Float32Array;
  /** A trained tensor that all layers share, by its name. */
  shared(name: string): Float32Array;
}

/** The update of a layer as a product, ΔW = scale·B·A: b [out, rank] · a [rank, in]. */
export interface LowRankUpdate {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/** Rows [first, last) of a matrix. */
export interface RowRange {
  readonly first: number;
  readonly last: number;
}

/** The model and the settings that a method trains. */
export interface MethodTask {
  readonly model: ModelConfig;
  readonly storage: CompileSpec["storage"];
  /** Names of the model's linear layers. */
  readonly sites: readonly string[];
  /** Names of its embeddings. */
  readonly embeddings: readonly string[];
  /** The parameters of transformers that hold the matrices of experts: `<layer>.mlp.experts.gate_up_proj`. Empty: no experts. */
  readonly expertParameters: readonly string[];
  /** All tensors of the base: shapes by name. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  /** The most tokens of an example, in training or with its answer. */
  readonly longest: number;
  /** False when a finished result is run. */
  readonly isTraining: boolean;
}

/**
 * An initial update, scale·B·A of this rank, that makes up for the error of quantising a matrix; quantising and decomposing
 * alternate `iterations` times. The factors are stored with the quantised base, under the names of the parameters.
 */
export interface QuantizedStart {
  readonly rank: number;
  readonly scale: number;
  readonly iterations: number;
  readonly a: string;
  readonly b: string;
}

export interface Method<Settings> {
  /** The method and its settings in words, for a model card. */
  describe(settings: Settings): string;
  /** Why this method cannot train this model with this storage, and what to do; undefined if it can. */
  check?(settings: Settings, task: MethodTask): string | undefined;
  /** Why a run of so many steps cannot train with these settings, and what to do; undefined if it can. */
  stepsFault?(settings: Settings, steps: number): string | undefined;
  /**
   * Whether a tensor of the base is itself trained: a parameter by the tensor's own name, in F32, from the base's value.
   * Such a tensor is saved beside the method's own parameters, and replaces the base's in a merged result.
   */
  trains?(name: string, settings: Settings): boolean;
  /** The rows of an embedding or a head that are trained, by the tensor's name; the others stay frozen. */
  trainedRows?(name: string, settings: Settings): readonly number[];
  /** Rewrites a linear layer of the base. */
  linear?(site: LinearSite, x: Tensor, base: BaseLinear, settings: Settings): Tensor;
  /** Adds a product of low rank beside each expert's matrix; absent: no method's tensors are there. */
  experts?(site: ExpertSite, settings: Settings): ExpertLowRank | undefined;
  /** Rewrites an embedding of the base. */
  embedding?(site: EmbeddingSite, base: BaseEmbedding, settings: Settings): Tensor;
  /**
   * Makes the model run twice. In the first pass, which has no gradients, the sites' `context` is undefined; in the second it is
   * this function of the first pass's normed states [T, width].
   */
  context?(site: ContextSite, states: Tensor, settings: Settings): Tensor;
  /** Changes what a branch of a block adds to the block's state. */
  branch?(site: BranchSite, end: BranchEnd, settings: Settings): Tensor;
  /** Keys and values that every token of this attention attends to before its own segment's. */
  prefix?(site: AttentionSite, settings: Settings): KeyValuePrefix | undefined;
  /** Embeddings of a prompt that every example sees as tokens before its own. */
  prompt?(site: EmbeddingSite, settings: Settings): Prompt;
  /** The number of positions of a prefix or a prompt; real tokens start after it. Default 0. */
  positionOffset?(settings: Settings): number;
  /** Whether `setup` reads the inputs of linear layers. */
  readsInputs?(settings: Settings): boolean;
  /** Runs once before the first step, after the parameters have their initial values. */
  setup?(host: SetupHost, settings: Settings): Promise<void>;
  /** Runs after an update and may run the program `observe`; `step` is 1..`steps`. */
  afterStep?(host: StepHost, step: number, steps: number, settings: Settings): Promise<void>;
  /**
   * The first step of a run of `steps` whose parameters can be its result; a validation before it neither is the best nor ends the
   * run. Default 0.
   */
  firstResult?(settings: Settings, steps: number): number;
  /** Converts rows of a trained site's W [out, in], row-major, into rows that give the same result without the method. */
  merge?(site: TrainedSite, w: Float32Array, rows: RowRange, settings: Settings): void;
  /** The same update as a product, which an analysis decomposes without the base; undefined if the site has no update. */
  lowRank?(site: Omit<TrainedSite, "in" | "out">, settings: Settings): LowRankUpdate | undefined;
  /** Turns a trained site's bias [out] into the bias that does the same without the method. Absent: it stays. */
  mergeBias?(site: TrainedSite, bias: Float32Array, settings: Settings): void;
  /** The update that prepare fits a layer's quantised matrix to; undefined: none. Needs `quantizesFor` in the declaration. */
  quantizedStart?(site: string, settings: Settings): QuantizedStart | undefined;
  /** The settings of the saved adapter, where they are not those of the training; they may be another method's. */
  saved?(settings: Settings): MethodSettings;
  /** Memory in bytes that `setup` takes beside the program `inputs`, on a CPU. Default 0. */
  setupBytes?(facts: SetupFacts, settings: Settings): number;
  /** Memory in bytes that writing the adapter takes beside its parameters, whose shapes are given by their names. Default 0. */
  writingBytes?(shapes: ReadonlyMap<string, readonly number[]>, settings: Settings): number;
  /** The adapter's PEFT layout; absent if the result is a model. */
  readonly peft?: PeftFormat<Settings>;
}

/** A method with bound settings, which the model builder calls. */
export interface BoundMethod extends SiteRewriter {
  readonly settings: MethodSettings | { readonly kind: "none" };
  /** Those of the saved adapter. */
  readonly saved: MethodSettings | { readonly kind: "none" };
  describe(): string;
  quantizedStart(site: string): QuantizedStart | undefined;
  check(task: MethodTask): string | undefined;
  stepsFault(steps: number): string | undefined;
  /** Whether the positions before an example are a prompt's, whose keys the model rotates as those of tokens. */
  readonly hasPrompt: boolean;
  readonly readsInputs: boolean;
  readonly setup: Setup | undefined;
  readonly afterStep: AfterStep | undefined;
  firstResult(steps: number): number;
  setupBytes(facts: SetupFacts): number;
  writingBytes(shapes: ReadonlyMap<string, readonly number[]>): number;
  merge(site: TrainedSite, w: Float32Array, rows: RowRange): void;
  mergeBias(site: TrainedSite, bias: Float32Array): void;
  /** Absent if the method's updates are not products of low rank. */
  readonly lowRank: ((site: Omit<TrainedSite, "in" | "out">) => LowRankUpdate | undefined) | undefined;
  readonly peft: BoundPeft | undefined;
}

/** The PEFT format of a method with bound settings. */
export interface BoundPeft {
  readonly library: AdapterLibrary;
  config(facts: ConfigFacts): Readonly<Record<string, unknown>>;
  fault(tensor: StoredShape, has: (key: string) => boolean, config: PeftConfig): string | undefined;
  isWhole(key: string): boolean;
  repeats(key: string, has: (key: string) => boolean): string | undefined;
  toPeft(parameters: readonly NamedValues[]): NamedValues[];
  fromPeft(tensors: readonly NamedValues[], config: PeftConfig): NamedValues[];
}

/** A method with its settings' type hidden, for the list of methods. */
export interface RegisteredMethod {
  readonly declaration: Declaration;
  /** Throws if these are not the method's settings. */
  bind(settings: MethodSettings): BoundMethod;
  /**
   * Reads an adapter_config.json of this method; returns undefined for those of other methods. Throws a failure that
   * names a member that this method does not compute.
   */
  readPeft(config: PeftConfig): MethodSettings | undefined;
}

/**
 * Joins a declaration with the training that it declares, for the list in `index.ts`.
 *
 * @example
 * export const full = defineMethod(declaration, { describe: () => "full fine-tuning", trains: () => true });
 */
export function defineMethod<Kind extends string, Table extends SettingTable>(
  declaration: Declaration<Kind, Table>,
  method: Method<SettingsOf<Kind, Table>>,
): RegisteredMethod {
  return {
    declaration,
    bind: (settings) => bind(method, declaration.schema.parse(settings), declaration),
    readPeft: (config) => (method.peft?.matches(config) ? readMembers(method.peft, config) : undefined),
  };
}

function readMembers<Settings>(format: PeftFormat<Settings>, config: PeftConfig): Settings {
  const members = new PeftMembers(config);
  const settings = format.read(members);
  members.refuseOthers();
  return settings;
}

function bind<Settings extends MethodSettings>(
  method: Method<Settings>,
  settings: Settings,
  { nf4Refusal }: Pick<Declaration, "nf4Refusal">,
): BoundMethod {
  return {
    settings,
    saved: method.saved?.(settings) ?? settings,
    describe: () => method.describe(settings),
    quantizedStart: (site) => method.quantizedStart?.(site, settings),
    check(task) {
      if (nf4Refusal !== undefined && task.storage.linear === "NF4") return nf4Refusal;
      return method.check?.(settings, task);
    },
    stepsFault: (steps) => method.stepsFault?.(settings, steps),
    trains: (name) => method.trains?.(name, settings) ?? false,
    trainedRows: (name) => method.trainedRows?.(name, settings) ?? [],
    linear: (site, x, base) => method.linear?.(site, x, base, settings) ?? base(x),
    experts: (site) => method.experts?.(site, settings),
    embedding: (site, base) => method.embedding?.(site, base, settings) ?? base(),
    context: method.context && ((site, states) => method.context!(site, states, settings)),
    branch: (site, end) => method.branch?.(site, end, settings) ?? end.output,
    prefix: (site) => method.prefix?.(site, settings),
    prompt: (site) => method.prompt?.(site, settings),
    positionOffset: method.positionOffset?.(settings) ?? 0,
    hasPrompt: method.prompt !== undefined,
    readsInputs: method.readsInputs?.(settings) ?? false,
    setup: method.setup && ((host) => method.setup!(host, settings)),
    afterStep: method.afterStep && ((host, step, steps) => method.afterStep!(host, step, steps, settings)),
    firstResult: (steps) => method.firstResult?.(settings, steps) ?? 0,
    setupBytes: (facts) => method.setupBytes?.(facts, settings) ?? 0,
    writingBytes: (shapes) => method.writingBytes?.(shapes, settings) ?? 0,
    merge(site, w, rows) {
      if (!method.merge)
        throw new Error(`${site.name} has trained tensors, and method ${settings.kind} cannot merge them`);
      method.merge(site, w, rows, settings);
    },
    mergeBias: (site, bias) => method.mergeBias?.(site, bias, settings),
    lowRank: method.lowRank && ((site) => method.lowRank!(site, settings)),
    peft: method.peft && bindPeft(method.peft, settings),
  };
}

function bindPeft<Settings>(format: PeftFormat<Settings>, settings: Settings): BoundPeft {
  return {
    library: format.library ?? "PEFT",
    config: (facts) => format.config(settings, facts),
    fault: (tensor, has, config) => format.fault(tensor, settings, has, config),
    isWhole: (key) => format.isWhole?.(key) ?? false,
    repeats: (key, has) => format.repeats?.(key, has),
    toPeft: (parameters) =>
      format.toPeft?.(parameters, settings) ?? parameters.map((one) => ({ ...one, name: peftPrefix + one.name })),
    fromPeft: (tensors, config) =>
      format.fromPeft?.(tensors, settings, config) ??
      tensors.map((one) => ({ ...one, name: one.name.slice(peftPrefix.length) })),
  };
}

/** The unchanged model, without trained parameters. */
export const noMethod: BoundMethod = {
  settings: { kind: "none" },
  saved: { kind: "none" },
  describe: () => "none",
  quantizedStart: () => undefined,
  check: () => undefined,
  stepsFault: () => undefined,
  trains: () => false,
  trainedRows: () => [],
  linear: (_site, x, base) => base(x),
  experts: () => undefined,
  embedding: (_site, base) => base(),
  context: undefined,
  branch: (_site, { output }) => output,
  prefix: () => undefined,
  prompt: () => undefined,
  positionOffset: 0,
  hasPrompt: false,
  readsInputs: false,
  setup: undefined,
  afterStep: undefined,
  firstResult: () => 0,
  setupBytes: () => 0,
  writingBytes: () => 0,
  merge: () => {},
  mergeBias: () => {},
  lowRank: undefined,
  peft: undefined,
};
