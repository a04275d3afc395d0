/**
 * Byte-pair merges over ids (Sennrich et al. 2016): of all neighbours the pair of the lowest rank becomes one token, the
 * leftmost first, until none is left. What @huggingface/tokenizers computes over strings, at a twentieth of the time for
 * words of a usual length; wordEncoder.test.ts holds the two to each other. Longer words are the library's.
 */
import type { ByteLevelPreTokenizer, Tokenizer } from "@huggingface/tokenizers";
import type { GrowableUint32 } from "./growable.ts";

/** Finding the lowest pair takes a walk over the word. */
const maxWordBytes = 128;
const absent = 0xffff_ffff;

/** Ranks and results by pairs of ids; open addressing over flat arrays. */
class PairTable {
  readonly #mask: number;
  readonly #left: Uint32Array;
  readonly #right: Uint32Array;
  readonly ranks: Uint32Array;
  readonly merged: Uint32Array;

  constructor(pairs: number) {
    const places = 2 ** Math.ceil(Math.log2(2 * pairs + 2));
    this.#mask = places - 1;
    this.#left = new Uint32Array(places).fill(absent);
    this.#right = new Uint32Array(places);
    this.ranks = new Uint32Array(places).fill(absent);
    this.merged = new Uint32Array(places);
  }

  set(left: number, right: number, rank: number, merged: number): void {
    const place = this.placeOf(left, right);
    this.#left[place] = left;
    this.#right[place] = right;
    this.ranks[place] = rank;
    this.merged[place] = merged;
  }

  /** Its rank is `absent` for a pair that is not in the table. */
  placeOf(left: number, right: number): number {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    let place = (hash ^ (hash >>> 15)) & this.#mask;
    while (this.#left[place] !== absent && (this.#left[place] !== left || this.#right[place] !== right)) {
      place = (place + 1) & this.#mask;
    }
    return place;
  }
}

export class ByteMerges {
  readonly #pairs: PairTable;
  readonly #byteIds: Uint32Array;
  readonly #utf8 = new Uint8Array(maxWordBytes);
  readonly #encoder = new TextEncoder();
  /** Ids of the word that is being merged, and for each the place in the table of the pair that it begins. */
  readonly #ids = new Uint32Array(maxWordBytes);
  readonly #places = new Uint32Array(maxWordBytes);

  /** Where `ignore_merges` is set: the id of a word that is a token as it is. */
  readonly #whole: ((word: string) => number | undefined) | undefined;

  private constructor(
    pairs: PairTable,
    byteIds: Uint32Array,
    whole: ((word: string) => number | undefined) | undefined,
  ) {
    this.#pairs = pairs;
    this.#byteIds = byteIds;
    this.#whole = whole;
  }

  /** `model` is that of tokenizer.json. Undefined for one with other rules than these. */
  static of(model: object, library: Tokenizer, byteLevel: ByteLevelPreTokenizer): ByteMerges | undefined {
    const plain = ["dropout", "continuing_subword_prefix", "continuing_subword_suffix", "end_of_word_suffix"];
    const has = (name: string) => name in model && Boolean(Object.getOwnPropertyDescriptor(model, name)?.value);
    if ([...plain, "byte_fallback"].some(has)) return undefined;
    const merges: unknown = "merges" in model ? model.merges : undefined;
    if (!Array.isArray(merges)) return undefined;
    const byteIds = Uint32Array.from({ length: 256 }, (_, byte) => {
      return library.token_to_id(byteLevel.byte_encoder[byte] ?? "") ?? absent;
    });
    const pairs = new PairTable(merges.length);
    for (const [rank, merge] of merges.entries()) {
      const [left, right, ...others]: unknown[] = typeof merge === "string" ? merge.split(" ", 2) : merge;
      if (typeof left !== "string" || typeof right !== "string" || others.length > 0) return undefined;
      const ids = [left, right, left + right].map((token) => library.token_to_id(token));
      if (!ids.every((id) => id !== undefined)) return undefined;
      pairs.set(ids[0]!, ids[1]!, rank, ids[2]!);
    }
    if (byteIds.includes(absent)) return undefined;
    const whole = has("ignore_merges")
      ? (word: string) => library.token_to_id(byteLevel.pre_tokenize(word)[0] ?? "")
      : undefined;
    return new ByteMerges(pairs, byteIds, whole);
  }

  /** Appends a word's ids; false for one that is too long. */
  append(word: string, ids: GrowableUint32): boolean {
    const { read, written } = this.#encoder.encodeInto(word, this.#utf8);
    if (read < word.length) return false;
    const whole = this.#whole?.(word);
    if (whole !== undefined) {
      ids.push(whole);
      return true;
    }
    for (let i = 0; i < written; i++) this.#ids[i] = this.#byteIds[this.#utf8[i]!]!;
    for (let i = 0; i + 1 < written; i++) this.#places[i] = this.#pairs.placeOf(this.#ids[i]!, this.#ids[i + 1]!);
    let length = written;
    for (let at = this.#lowest(length); at >= 0; at = this.#lowest(length)) length = this.#mergeAt(at, length);
    ids.append(this.#ids, 0, length);
    return true;
  }

  /** Where the pair of the lowest rank begins; below 0 when no pair can be merged. */
  #lowest(length: number): number {
    let [at, lowest] = [-1, absent];
    for (let i = 0; i + 1 < length; i++) {
      const rank = this.#pairs.ranks[this.#places[i]!]!;
      if (rank < lowest) [at, lowest] = [i, rank];
    }
    return at;
  }

  #mergeAt(at: number, length: number): number {
    this.#ids[at] = this.#pairs.merged[this.#places[at]!]!;
    for (let i = at + 1; i + 1 < length; i++) {
      this.#ids[i] = this.#ids[i + 1]!;
      this.#places[i] = this.#places[i + 1]!;
    }
    if (at > 0) this.#places[at - 1] = this.#pairs.placeOf(this.#ids[at - 1]!, this.#ids[at]!);
    if (at + 2 < length) this.#places[at] = this.#pairs.placeOf(this.#ids[at]!, this.#ids[at + 1]!);
    return length - 1;
  }
}
