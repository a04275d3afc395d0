/**
 * A conversation with a model: the model's own template, greedy or sampled answers, token by token. The common prefix
 * of a new prompt and the cached tokens is not computed again.
 */

import { compile } from "../compile/compile.ts";
import { exitCode } from "../contract/exitCodes.ts";
import { invalid, StageFailure } from "../contract/failure.ts";
import type { Codec } from "../data/encoding/codec.ts";
import { encodePrompt } from "../data/encoding/questions.ts";
import { spokenParts } from "../data/encoding/thoughts.ts";
import { tryTokenizer } from "../data/encoding/tokenizerTrial.ts";
import type { Message } from "../data/rows/example.ts";
import type { Tokenizer } from "../data/tokenizer/tokenizer.ts";
import { CacheForward } from "../engine/cacheForward.ts";
import { Engine } from "../engine/engine.ts";
import { methodOf } from "../methods/index.ts";
import { roomBehind } from "../methods/prefixes.ts";
import { ropeTable } from "../models/rope.ts";
import { requireFit } from "../weights/adapterFit.ts";
import type { PeftAdapter } from "../weights/adapterSource.ts";
import { withGiven } from "../weights/givenAdapters.ts";
import { requireRepeated } from "../weights/repeatedTensors.ts";
import type { StoredModel } from "../weights/storedModel.ts";
import { sampleToken } from "./sample.ts";

export interface ChatOptions {
  model: StoredModel;
  /** The adapter to apply; absent: the model alone. */
  adapter?: PeftAdapter;
  /** Worker threads; 0: one per granted core. */
  threads: number;
  /** Maximum tokens of a conversation, at most the model's context. Default: 4096. */
  capacity?: number;
}

export interface AnswerOptions {
  maxNewTokens: number;
  /** 0: always the likeliest token. */
  temperature: number;
  seed: number;
  signal: AbortSignal;
  /** Receives the pieces of the thoughts before the answer, where the template marks them by tokens. */
  onThought?: (piece: string) => void;
}

const usualCapacity = 4096;
const prefillTokens = 256;

export class Chat {
  readonly #engine: Engine;
  readonly #forward: CacheForward;
  readonly #codec: Codec;
  /** The cached tokens, by position. */
  readonly #cached: number[] = [];

  private constructor(engine: Engine, forward: CacheForward, codec: Codec) {
    this.#engine = engine;
    this.#forward = forward;
    this.#codec = codec;
  }

  /** Loads the model. Throws a failure that names its fault. */
  static async open({ model, adapter, threads, capacity: wanted }: ChatOptions): Promise<Chat> {
    // Runs beside the reading of the weights.
    const tried = model.codecTexts().then(tryTokenizer);
    tried.catch(() => {});
    const { config, tensors: base } = await withGiven(model, adapter);
    const storage = await model.storage();
    if (adapter?.plainRefusal !== undefined && storage.linear !== "NF4")
      throw invalid("AdapterUnsupported", adapter.plainRefusal);
    const method = adapter ? adapter.settings : ({ kind: "none" } as const);
    const capacity = Math.min(roomBehind(config, methodOf(method)), wanted ?? usualCapacity);
    const shape = { slots: 1, capacity, prefillTokens: Math.min(prefillTokens, capacity) };
    const compiled = compile({
      model: config,
      device: "cpu",
      storage,
      method,
      precision: "BF16",
      rowTokens: 1,
      microRows: 1,
      recomputedBlocks: 0,
      generation: shape,
    });
    const engine = new Engine(compiled, { threads });
    try {
      await engine.bind(base);
      if (adapter) {
        await requireRepeated(base, adapter);
        putAdapter(engine, adapter);
      }
      await engine.run({ program: "derive" });
      await tried;
      return new Chat(
        engine,
        new CacheForward(engine, shape, ropeTable(config, capacity, compiled.positionOffset)),
        await model.codec(),
      );
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /**
   * Streams the answer to a conversation as pieces of text, without its thoughts. Throws a failure when the conversation is too
   * long.
   */
  async *answer(messages: readonly Message[], options: AnswerOptions): AsyncIterable<string> {
    const { tokenizer, endIds } = this.#codec;
    const prompt = await encodePrompt({ messages }, this.#codec);
    const { capacity } = this.#forward.shape;
    if (prompt.length >= capacity) {
      throw new StageFailure(
        exitCode.invalid,
        "TooLong",
        `the conversation has ${prompt.length} tokens, but ${capacity} fit: start a new one`,
      );
    }
    const answer: number[] = [];
    const text = new Unfolding(tokenizer);
    const thoughts = new Unfolding(tokenizer);
    let next = await this.#feed(prompt, options, 0);
    while (!endIds.has(next) && answer.length < options.maxNewTokens && !options.signal.aborted) {
      answer.push(next);
      const parts = spokenParts(answer, this.#codec);
      const thought = thoughts.next(parts.thoughts, true);
      if (thought !== "") options.onThought?.(thought);
      yield text.next(parts.answer, parts.thoughts.length > 0);
      if (prompt.length + answer.length >= capacity) return;
      next = await this.#feed([...prompt, ...answer], options, answer.length);
    }
  }

  close(): void {
    this.#engine.close();
  }

  /** Brings the cache to `tokens` and chooses the one after them. */
  async #feed(tokens: readonly number[], options: AnswerOptions, index: number): Promise<number> {
    // The last token always runs, because its logits are needed.
    let position = Math.min(commonPrefix(this.#cached, tokens), tokens.length - 1);
    let likeliest = -1;
    while (position < tokens.length) {
      // A failed call may have overwritten the cache from here on.
      this.#cached.length = position;
      const part = tokens.slice(position, position + this.#forward.maxTokens);
      const start = position;
      const next = await this.#forward.run(part.map((token, i) => ({ token, slot: 0, position: start + i })));
      this.#cached.push(...part);
      likeliest = next[0]!;
      position += part.length;
    }
    if (options.temperature === 0) return likeliest;
    return sampleToken(this.#forward.logits(0), options.temperature, options.seed, index);
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, index) => token !== b[index]);
  return differs < 0 ? Math.min(a.length, b.length) : differs;
}

/** Sets the model's parameters from the adapter's tensors. Throws a failure that names a missing or misshapen one. */
function putAdapter(engine: Engine, { tensors }: PeftAdapter): void {
  requireFit(engine.stateOf("parameter"), tensors);
  for (const [name, values] of tensors) engine.floats("parameter", name).set(values);
}

/** A text that grows with its tokens. */
class Unfolding {
  readonly #tokenizer: Tokenizer;
  #text = "";

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The piece that these tokens, which begin with the earlier ones, add; `trimmed`: without white space at the text's start. */
  next(tokens: readonly number[], trimmed: boolean): string {
    const decoded = this.#tokenizer.decode(tokens);
    const longer = trimmed ? decoded.trimStart() : decoded;
    // A character may need several tokens; until it is complete the text ends with a replacement character.
    if (longer.length <= this.#text.length || longer.endsWith("\ufffd")) return "";
    const piece = longer.slice(this.#text.length);
    this.#text = longer;
    return piece;
  }
}
