/** A list of 32-bit numbers that grows: four bytes each, where an array of JavaScript's may take twice or more. */
export class GrowableUint32 {
  #values = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  /** A view of all of them, valid until the next `push`. */
  values(): Uint32Array {
    return this.#values.subarray(0, this.length);
  }
}
