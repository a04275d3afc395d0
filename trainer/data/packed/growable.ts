/** A growing list of 32-bit numbers, at four bytes each; a JavaScript array may take twice as much or more. */
export class GrowableUint32 {
  #values = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) this.#grow(1);
    this.#values[this.length++] = value;
  }

  /** Appends `values` from `start` to `end`. */
  append(values: Uint32Array, start: number, end: number): void {
    let at = this.length;
    if (at + end - start > this.#values.length) this.#grow(end - start);
    const own = this.#values;
    for (let i = start; i < end; i++) own[at++] = values[i]!;
    this.length = at;
  }

  /** A view of all of them, valid until the next `push` or `append`. */
  values(): Uint32Array {
    return this.#values.subarray(0, this.length);
  }

  #grow(more: number): void {
    const larger = new Uint32Array(2 * Math.max(this.length, more));
    larger.set(this.#values.subarray(0, this.length));
    this.#values = larger;
  }
}
