/** Counts near copies among the texts of a data set by the keys of `nearHash`; 20 bytes a text. */
import { nearKeys } from "../trainer/data/encoding/nearHash.ts";
import { GrowableUint32 } from "../trainer/data/packed/growable.ts";

/** Later texts are not compared: a key and a number share a float. */
const mostTexts = 2 ** 21;

export class NearCopies {
  readonly #keys = new GrowableUint32();

  add(keys: Uint32Array): void {
    if (this.#keys.length >= mostTexts * nearKeys || keys[0] === 0) return;
    for (const key of keys) this.#keys.push(key);
  }

  /** How many texts nearly equal an earlier one. */
  count(): number {
    const keys = this.#keys.values();
    const texts = keys.length / nearKeys;
    const isCopy = new Uint8Array(texts);
    const sorted = new Float64Array(texts);
    for (let key = 0; key < nearKeys; key++) {
      for (let text = 0; text < texts; text++) sorted[text] = keys[text * nearKeys + key]! * mostTexts + text;
      sorted.sort();
      for (let at = 1; at < texts; at++) {
        const isSame = Math.floor(sorted[at]! / mostTexts) === Math.floor(sorted[at - 1]! / mostTexts);
        if (isSame) isCopy[sorted[at]! % mostTexts] = 1;
      }
    }
    return isCopy.reduce((sum, one) => sum + one, 0);
  }
}
