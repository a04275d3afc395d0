/**
 * llama.cpp itself, as the prebuilt addon of node-llama-cpp, on the CPU: it loads a GGUF file, encodes texts, and computes the
 * probabilities of next tokens.
 */
import { createRequire } from "node:module";
import type { TestContext } from "node:test";
import { getBinsDir } from "@node-llama-cpp/linux-x64";

interface AddonModel {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  tokenize(text: string, specialTokens: boolean): Uint32Array;
  tokenBos(): number;
  tokenEos(): number;
  eotToken(): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
  getModelDescription(): string;
  loadLora(lora: object): Promise<void>;
}

interface AddonContext {
  init(): Promise<boolean>;
  setLoras(loras: readonly object[], scales: readonly number[]): void;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  /** Returns where the logits of the tokens at `logitIndexes` will be. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** The probabilities: tokens and their shares in turn, the likeliest first. */
  sampleToken(at: number, sampler: object, probabilities: true): Promise<[token: number, probabilities: number[]]>;
}

interface Addon {
  AddonModel: new (path: string, options: { gpuLayers: number; vocabOnly: boolean; useMmap: boolean }) => AddonModel;
  AddonContext: new (
    model: AddonModel,
    options: {
      contextSize: number;
      batchSize: number;
      sequences: number;
      threads: number;
      flashAttention: boolean;
      kvCacheKeyType: number;
      kvCacheValueType: number;
    },
  ) => AddonContext;
  AddonModelLora: new (model: AddonModel, path: string) => object;
  AddonSampler: new (model: AddonModel) => { applyConfig(config: object): void; dispose(): void };
  setLogger(log: (level: number, message: string) => void): void;
  setLoggerLogLevel(level: number): void;
  loadBackends(directory?: string): void;
  init(): Promise<void>;
}

/** The number of F32 among GGML's types. */
const f32 = 0;
const errors = 1;

const messages: string[] = [];
let loaded: Promise<Addon> | undefined;

async function load(): Promise<Addon> {
  const directory = `${getBinsDir().binsDir}/linux-x64`;
  const addon: Addon = createRequire(import.meta.url)(`${directory}/llama-addon.node`);
  addon.setLogger((_, message) => messages.push(message));
  addon.setLoggerLogLevel(errors);
  addon.loadBackends(directory);
  await addon.init();
  return addon;
}

export interface LlamaOptions {
  /** Loads the tokenizer alone. */
  readonly vocabOnly?: boolean;
}

export class LlamaModel {
  readonly model: AddonModel;
  readonly #addon: Addon;
  #lora: object | undefined;

  private constructor(addon: Addon, model: AddonModel) {
    this.#addon = addon;
    this.model = model;
  }

  /** Loads a file until the test ends. Throws with llama.cpp's own words if it cannot. */
  static async load(t: TestContext, path: string, { vocabOnly = false }: LlamaOptions = {}): Promise<LlamaModel> {
    loaded ??= load();
    const addon = await loaded;
    messages.length = 0;
    const model = new addon.AddonModel(path, { gpuLayers: 0, vocabOnly, useMmap: false });
    if (!(await model.init())) throw new Error(`llama.cpp cannot load ${path}: ${messages.join("")}`);
    t.after(() => model.dispose());
    return new LlamaModel(addon, model);
  }

  /** Applies an adapter's file to what is computed from now on. Throws with llama.cpp's own words if it cannot. */
  async apply(path: string): Promise<void> {
    messages.length = 0;
    const lora = new this.#addon.AddonModelLora(this.model, path);
    try {
      await this.model.loadLora(lora);
    } catch (error) {
      throw new Error(`llama.cpp cannot load ${path}: ${messages.join("")}`, { cause: error });
    }
    this.#lora = lora;
  }

  /** Tokens of a text; the texts of special tokens become those tokens. */
  encode(text: string): number[] {
    return [...this.model.tokenize(text, true)];
  }

  /** The probabilities of each next token after the tokens at `places`. */
  async probabilities(tokens: readonly number[], places: readonly number[]): Promise<Float32Array[]> {
    const found = await this.#distributions(tokens, places);
    return found.map(({ shares }) => Float32Array.from({ length: shares.size }, (_, token) => shares.get(token) ?? 0));
  }

  /** The likeliest next tokens, one after another. */
  async greedy(prompt: readonly number[], count: number): Promise<number[]> {
    const tokens = [...prompt];
    for (let index = 0; index < count; index++) {
      const [next] = await this.#distributions(tokens, [tokens.length - 1]);
      tokens.push(next!.likeliest);
    }
    return tokens.slice(prompt.length);
  }

  /** exp of the mean negative logarithm of the probabilities of the tokens after the first. */
  async perplexity(tokens: readonly number[]): Promise<number> {
    const places = tokens.slice(1).map((_, index) => index);
    const found = await this.#distributions(tokens, places);
    const sum = found.reduce((total, { shares }, index) => total - Math.log(shares.get(tokens[index + 1]!)!), 0);
    return Math.exp(sum / places.length);
  }

  async #distributions(tokens: readonly number[], places: readonly number[]) {
    const size = tokens.length;
    const types = { kvCacheKeyType: f32, kvCacheValueType: f32 };
    const shape = { contextSize: size, batchSize: size, sequences: 1, threads: 1, flashAttention: false };
    const context = new this.#addon.AddonContext(this.model, { ...shape, ...types });
    const sampler = new this.#addon.AddonSampler(this.model);
    try {
      if (!(await context.init())) throw new Error(`llama.cpp has no context: ${messages.join("")}`);
      if (this.#lora) context.setLoras([this.#lora], [1]);
      sampler.applyConfig({ temperature: 0 });
      context.initBatch(size);
      const logits = context.addToBatch(0, 0, Uint32Array.from(tokens), Uint32Array.from(places));
      await context.decodeBatch();
      const found: { likeliest: number; shares: ReadonlyMap<number, number> }[] = [];
      for (const at of logits) {
        const [likeliest, flat] = await context.sampleToken(at, sampler, true);
        const pairs = Array.from(
          { length: flat.length / 2 },
          (_, index) => [flat[2 * index]!, flat[2 * index + 1]!] as const,
        );
        found.push({ likeliest, shares: new Map(pairs) });
      }
      return found;
    } finally {
      sampler.dispose();
      await context.dispose();
    }
  }
}
