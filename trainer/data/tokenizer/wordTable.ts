/**
 * Words and the ids of their tokens, found by the characters of a text where they stand: to ask for a word makes no
 * string. Open addressing. What a word costs is the memory that is touched for it, so of a short word that is one token,
 * which most are, all is in one place of 16 bytes; of others the characters, and ids that are several, are in a record.
 */
import type { GrowableUint32 } from "./growable.ts";

/** Longer words are rare, and are not kept. */
export const maxKnownLength = 64;
/** Of a word, since a character has at most three bytes. */
const maxIds = 3 * maxKnownLength;

/**
 * A place: two words of key; characters, `inRecord` and number of ids in one word (0: the place is free); the id, or where
 * the record of several begins.
 */
const placeWords = 4;
const [second, counts, idOrRecord] = [1, 2, 3];
/** The key of so many characters of ASCII is themselves. Of others it is their hash, and where their record begins. */
const maxShortLength = 8;
const inRecord = 0x80;

export class WordTable {
  /** Words that fit. */
  readonly capacity: number;
  size = 0;
  readonly #mask: number;
  readonly #places: Uint32Array;
  /** Characters, two in a word, and ids. */
  #records: Uint32Array;
  /** The same memory by characters. */
  #characters: Uint16Array;
  #used = 0;
  /** Of the word that was last looked for: its key, and its length with `inRecord`. */
  #first = 0;
  #second = 0;
  #kind = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const places = 2 ** Math.ceil(Math.log2(2 * capacity));
    this.#mask = places - 1;
    this.#places = new Uint32Array(placeWords * places);
    this.#records = new Uint32Array(8 * capacity);
    this.#characters = new Uint16Array(this.#records.buffer);
  }

  /** Appends the ids of the word that the text of `units` has from `start` to `end`; false when it is not known. */
  append(units: Uint16Array, start: number, end: number, ids: GrowableUint32): boolean {
    const at = this.#find(units, start, end);
    const places = this.#places;
    const count = places[at + counts]! >>> 8;
    if (count === 1) ids.push(places[at + idOrRecord]!);
    else if (count > 1) ids.append(this.#records, places[at + idOrRecord]!, places[at + idOrRecord]! + count);
    return count > 0;
  }

  /** Keeps a word that is not known yet, if it is of a usual length and there is room. */
  add(units: Uint16Array, start: number, end: number, ids: Uint32Array): void {
    const length = end - start;
    if (this.size === this.capacity || length > maxKnownLength || ids.length > maxIds || ids.length === 0) return;
    const at = this.#find(units, start, end);
    this.#makeRoom(length + ids.length);
    if (this.#kind > inRecord) this.#second = this.#recordCharacters(units.subarray(start, end));
    const last = ids.length === 1 ? ids[0]! : this.#recordIds(ids);
    this.#places.set([this.#first, this.#second, this.#kind | (ids.length << 8), last], at);
    this.size++;
  }

  /** The place of a word, or the free one where it would be. */
  #find(units: Uint16Array, start: number, end: number): number {
    const length = end - start;
    if (length <= maxShortLength) {
      let high = 0;
      let low = 0;
      let all = 0;
      for (let i = start; i < end; i++) {
        const unit = units[i]!;
        all |= unit;
        high = (high << 8) | (low >>> 24);
        low = (low << 8) | unit;
      }
      if (all < 0x80) return this.#findShort(high >>> 0, low >>> 0, length);
    }
    return this.#findRecorded(units, start, end);
  }

  #findShort(high: number, low: number, length: number): number {
    this.#first = high;
    this.#second = low;
    this.#kind = length;
    const places = this.#places;
    let place = placeOf(Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b), this.#mask);
    for (;;) {
      const at = placeWords * place;
      const kind = places[at + counts]! & 0xff;
      if (kind === 0 || (places[at + second] === low && places[at] === high && kind === length)) return at;
      place = (place + 1) & this.#mask;
    }
  }

  #findRecorded(units: Uint16Array, start: number, end: number): number {
    const hash = hashOf(units, start, end);
    const expected = (end - start) | inRecord;
    this.#first = hash;
    this.#kind = expected;
    const places = this.#places;
    let place = placeOf(hash, this.#mask);
    for (;;) {
      const at = placeWords * place;
      const kind = places[at + counts]! & 0xff;
      if (kind === 0 || (places[at] === hash && kind === expected && this.#isWord(at, units, start, end))) return at;
      place = (place + 1) & this.#mask;
    }
  }

  #isWord(at: number, units: Uint16Array, start: number, end: number): boolean {
    const characters = this.#characters;
    const offset = 2 * this.#places[at + second]! - start;
    for (let i = start; i < end; i++) if (characters[offset + i] !== units[i]) return false;
    return true;
  }

  /** Where the record begins. */
  #recordCharacters(word: Uint16Array): number {
    const start = this.#used;
    this.#characters.set(word, 2 * start);
    this.#used += (word.length + 1) >> 1;
    return start;
  }

  #recordIds(ids: Uint32Array): number {
    const start = this.#used;
    this.#records.set(ids, start);
    this.#used += ids.length;
    return start;
  }

  #makeRoom(words: number): void {
    if (this.#used + words <= this.#records.length) return;
    const larger = new Uint32Array(2 * this.#records.length);
    larger.set(this.#records);
    this.#records = larger;
    this.#characters = new Uint16Array(larger.buffer);
  }
}

/** The low bits of a product depend on the low bits of its factors alone. */
const placeOf = (hash: number, mask: number) => (hash ^ (hash >>> 15)) & mask;

/** FNV-1a over UTF-16 units. */
function hashOf(units: Uint16Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ units[i]!, 0x01000193);
  return hash >>> 0;
}
