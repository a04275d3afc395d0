/**
 * Words and the ids of their tokens, found by the characters of a text where they stand: to ask for a word makes no
 * string. Open addressing; finding a word touches two places of memory, which is what it costs.
 */

/** Longer words are rare. */
export const maxKnownLength = 64;
/** Of a word, since a character has at most three bytes. */
const maxIds = 3 * maxKnownLength;
/** In `#places`, for each place: hash, where its record begins, characters, ids. 0 characters: it is free. */
const placeWords = 4;

export class WordTable {
  /** Words that fit. */
  readonly capacity: number;
  size = 0;
  readonly #mask: number;
  readonly #places: Uint32Array;
  /** Records: characters, two in a word, and then ids. */
  #records: Uint32Array;
  #used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const places = 2 ** Math.ceil(Math.log2(2 * capacity));
    this.#mask = places - 1;
    this.#places = new Uint32Array(placeWords * places);
    this.#records = new Uint32Array(8 * capacity);
  }

  /** Appends the ids of the word that `text` has from `start` to `end`; false when it is not known. */
  append(text: string, start: number, end: number, ids: number[]): boolean {
    const at = this.#find(text, start, end, hashOf(text, start, end));
    if (this.#places[at + 2] === 0) return false;
    const first = this.#places[at + 1]! + ((end - start + 1) >> 1);
    const past = first + this.#places[at + 3]!;
    for (let i = first; i < past; i++) ids.push(this.#records[i]!);
    return true;
  }

  /** Keeps a word that is not known yet, if it is of a usual length and there is room. */
  add(word: string, ids: readonly number[]): void {
    const { length } = word;
    if (this.size === this.capacity || length > maxKnownLength || ids.length > maxIds) return;
    const hash = hashOf(word, 0, length);
    const at = this.#find(word, 0, length, hash);
    this.#places.set([hash, this.#used, length, ids.length], at);
    this.#makeRoom(((length + 1) >> 1) + ids.length);
    for (let i = 0; i < length; i += 2) {
      // Past the end charCodeAt is NaN, and its bits are 0.
      this.#records[this.#used++] = word.charCodeAt(i) | (word.charCodeAt(i + 1) << 16);
    }
    for (const id of ids) this.#records[this.#used++] = id;
    this.size++;
  }

  /** The place of a word, or the free one where it would be. */
  #find(text: string, start: number, end: number, hash: number): number {
    // The low bits of a product depend on the low bits of its factors alone.
    let place = (hash ^ (hash >>> 15)) & this.#mask;
    for (;;) {
      const at = placeWords * place;
      const length = this.#places[at + 2]!;
      if (length === 0) return at;
      if (this.#places[at] === hash && length === end - start && this.#isWord(at, text, start, end)) return at;
      place = (place + 1) & this.#mask;
    }
  }

  #isWord(at: number, text: string, start: number, end: number): boolean {
    const first = this.#places[at + 1]!;
    for (let i = 0; i < end - start; i++) {
      const pair = this.#records[first + (i >> 1)]!;
      if (((i & 1) === 0 ? pair & 0xffff : pair >>> 16) !== text.charCodeAt(start + i)) return false;
    }
    return true;
  }

  #makeRoom(words: number): void {
    if (this.#used + words <= this.#records.length) return;
    const larger = new Uint32Array(2 * this.#records.length);
    larger.set(this.#records);
    this.#records = larger;
  }
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
