/**
 * Records which texts belong to which split, and counts duplicates and texts on both sides of a split. A text is
 * identified by the last 64 bits of its hash, so ten million examples take some 200 MB; a collision occurs once in a
 * million such sets.
 */
import type { TextHash } from "../encoding/textHash.ts";

export const splits = ["train", "validation", "test"] as const;
export type SplitName = (typeof splits)[number];

const bitOf: Record<SplitName, number> = { train: 1, validation: 2, test: 4 };

/** A table with open addressing, at most half full. */
export class SeenTexts {
  #high = new Uint32Array(1 << 12);
  #low = new Uint32Array(1 << 12);
  /** Splits of the text in each slot; 0: the slot is free. */
  #seenIn = new Uint8Array(1 << 12);
  #count = 0;

  /** Adds the text; returns whether any split already had it. */
  add([, , high, low]: TextHash, split: SplitName): boolean {
    if (2 * (this.#count + 1) > this.#seenIn.length) this.#grow();
    const place = this.#placeOf(high, low);
    const known = this.#seenIn[place] !== 0;
    if (!known) this.#count++;
    this.#high[place] = high;
    this.#low[place] = low;
    this.#seenIn[place]! |= bitOf[split];
    return known;
  }

  /** Number of texts in both splits. */
  shared(one: SplitName, other: SplitName): number {
    const both = bitOf[one] | bitOf[other];
    let count = 0;
    for (const seen of this.#seenIn) if ((seen & both) === both) count++;
    return count;
  }

  /** Number of held-out texts that are also in the training data. */
  leaked(): number {
    let count = 0;
    for (const seen of this.#seenIn) if ((seen & bitOf.train) !== 0 && seen !== bitOf.train) count++;
    return count;
  }

  #placeOf(high: number, low: number): number {
    const mask = this.#seenIn.length - 1;
    let place = low & mask;
    while (this.#seenIn[place] !== 0 && (this.#high[place] !== high || this.#low[place] !== low)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const [high, low, seenIn] = [this.#high, this.#low, this.#seenIn];
    this.#high = new Uint32Array(2 * high.length);
    this.#low = new Uint32Array(2 * low.length);
    this.#seenIn = new Uint8Array(2 * seenIn.length);
    for (const [old, seen] of seenIn.entries()) {
      if (seen === 0) continue;
      const place = this.#placeOf(high[old]!, low[old]!);
      this.#high[place] = high[old]!;
      this.#low[place] = low[old]!;
      this.#seenIn[place] = seen;
    }
  }
}
