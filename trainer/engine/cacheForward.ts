/**
 * Runs tokens through the KV cache: one call of `generate` takes any mixture of prompts and answers, each token with
 * its slot and position. A row's logits do not depend on the other rows of the call.
 */
import type { ProgramKey } from "../graph/compiled.ts";
import type { RopeTable } from "../models/rope.ts";
import type { Engine } from "./engine.ts";

export interface CacheShape {
  slots: number;
  /** Positions of a slot. */
  capacity: number;
  prefillTokens: number;
}

export interface CacheToken {
  token: number;
  slot: number;
  position: number;
  /** Tokens that its sequence may come to have, by which LongRoPE chooses its factors. Default: the cache's capacity. */
  length?: number;
}

export class CacheForward {
  readonly shape: CacheShape;
  readonly #engine: Engine;
  readonly #rope: RopeTable;
  #key: ProgramKey | undefined;
  /** Logits of the last call, once they were asked for. */
  #logits: Float32Array | undefined;

  /** `rope` has at least `capacity` positions, starting after the method's prefix. */
  constructor(engine: Engine, shape: CacheShape, rope: RopeTable) {
    this.#engine = engine;
    this.shape = shape;
    this.#rope = rope;
  }

  /** Maximum tokens per call. */
  get maxTokens(): number {
    return Math.max(this.shape.slots, this.shape.prefillTokens);
  }

  /**
   * Runs `tokens` (1..maxTokens) and returns, for each slot, the likeliest token after its last one. Slots without a
   * token get −1. Throws `Cancelled` once `signal` is aborted; the cache then holds some of the tokens.
   */
  async run(tokens: readonly CacheToken[], signal?: AbortSignal): Promise<Int32Array> {
    const bucket = this.#engine.compiled.generateTokenBuckets.find((size) => size >= tokens.length);
    if (bucket === undefined) throw new Error(`no program takes ${tokens.length} tokens`);
    const row = new Int32Array(this.shape.slots).fill(-1);
    for (const [index, { slot }] of tokens.entries()) row[slot] = index;
    this.#key = { program: "generate", tokens: bucket };
    this.#logits = undefined;
    await this.#engine.run(this.#key, { ...this.#inputs(tokens, bucket), row }, signal);
    return this.#engine.next(this.#key).map((token, slot) => (row[slot] === -1 ? -1 : token));
  }

  /** Logits [vocabulary] of a slot, from the last call. */
  logits(slot: number): Float32Array {
    if (!this.#key) throw new Error("no call was run yet");
    this.#logits ??= this.#engine.output(this.#key, "logits");
    const width = this.#logits.length / this.shape.slots;
    return this.#logits.subarray(slot * width, (slot + 1) * width);
  }

  #inputs(tokens: readonly CacheToken[], bucket: number) {
    const { width, long, others } = this.#rope;
    const inputs = {
      ids: new Int32Array(bucket),
      slot: new Int32Array(bucket).fill(-1),
      position: new Int32Array(bucket),
      cos: new Float32Array(bucket * width),
      sin: new Float32Array(bucket * width),
    };
    const more: Record<string, Float32Array> = {};
    for (const name of others.keys()) more[name] = new Float32Array(bucket * width);
    const row = (table: Float32Array, position: number) => table.subarray(position * width, (position + 1) * width);
    for (const [index, { token, slot, position, length = this.shape.capacity }] of tokens.entries()) {
      const { cos, sin } = long !== undefined && length > long.beyond ? long : this.#rope;
      inputs.ids[index] = token;
      inputs.slot[index] = slot;
      inputs.position[index] = position + this.#engine.compiled.positionOffset;
      inputs.cos.set(row(cos, position), index * width);
      inputs.sin.set(row(sin, position), index * width);
      for (const [name, table] of others) more[name]!.set(row(table, position), index * width);
    }
    return { ...inputs, ...more };
  }
}
