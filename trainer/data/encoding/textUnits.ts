/**
 * UTF-16 units of a text in flat memory. A JavaScript string may be a slice or unjoined pieces, which makes each access
 * slow; copying it once is faster than reading it twice.
 */

/** Longer texts get separate memory while they are in use. */
const keptUnits = 1 << 16;

export class TextUnits {
  readonly #bytes = Buffer.alloc(2 * keptUnits);
  readonly #units = unitsOf(this.#bytes);

  /** Units of `text`, from 0 to its length, valid until the next text. */
  of(text: string): Uint16Array {
    const kept = text.length <= keptUnits;
    const bytes = kept ? this.#bytes : Buffer.alloc(2 * text.length);
    bytes.write(text, "utf16le");
    return kept ? this.#units : unitsOf(bytes);
  }
}

/** All supported machines are little-endian. */
const unitsOf = ({ buffer, byteOffset, length }: Buffer) => new Uint16Array(buffer, byteOffset, length / 2);
