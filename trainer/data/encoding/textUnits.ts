/**
 * UTF-16 units of a text in flat memory. A string may be a slice, or pieces that were never joined: to read a unit of it
 * asks each time how it is kept; to copy it once is quicker than to read it twice.
 */

/** Longer texts get memory of their own, for as long as they are in use. */
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

/** Every machine that this runs on is little-endian. */
const unitsOf = ({ buffer, byteOffset, length }: Buffer) => new Uint16Array(buffer, byteOffset, length / 2);
