/**
 * The principal components of rows that arrive in batches: each update decomposes the components so far, times their singular
 * values, above the centred batch and the shift of the mean (Ross et al. 2008). Double precision but for the stacked matrix.
 */
import type { LayerInputs, SetupHost } from "../../graph/site.ts";

export class IncrementalPca {
  readonly rank: number;
  readonly width: number;
  #count = 0;
  #mean: Float64Array;
  /** The sum of squares around the mean, over all columns. */
  #squares = 0;
  #values = new Float64Array(0);
  /** [rank, width] */
  components: Float64Array = new Float64Array(0);
  /** How similar each component is to that before the last batch, as a cosine; empty after one batch. */
  similarities: readonly number[] = [];

  constructor(rank: number, width: number) {
    this.rank = rank;
    this.width = width;
    this.#mean = new Float64Array(width);
  }

  /** Each component's share of the variance. */
  get explained(): number[] {
    return Array.from(this.#values, (value) => (this.#squares === 0 ? 0 : value ** 2 / this.#squares));
  }

  /** A batch with fewer rows than components is left out. */
  async add({ values, rows }: LayerInputs, decompose: SetupHost["principal"]): Promise<void> {
    const { rank, width } = this;
    if (rows < rank) return;
    const mean = meanOf(values, rows, width);
    const isFirst = this.#count === 0;
    const kept = isFirst ? 0 : rank;
    const stacked = new Float32Array((kept + rows + (isFirst ? 0 : 1)) * width);
    for (let at = 0; at < kept * width; at++)
      stacked[at] = this.#values[Math.floor(at / width)]! * this.components[at]!;
    let own = 0;
    for (let at = 0; at < rows * width; at++) {
      const centred = values[at]! - mean[at % width]!;
      own += centred ** 2;
      stacked[kept * width + at] = centred;
    }
    const total = this.#count + rows;
    const weight = (this.#count / total) * rows;
    for (let column = 0; column < width; column++) {
      const shift = this.#mean[column]! - mean[column]!;
      if (!isFirst) stacked[(kept + rows) * width + column] = Math.sqrt(weight) * shift;
      own += weight * shift ** 2;
      this.#mean[column]! += (rows / total) * (mean[column]! - this.#mean[column]!);
    }
    this.#squares += own;
    this.#count = total;
    const made = await decompose(stacked, stacked.length / width, width, rank);
    const components = withSigns(made.right, width);
    this.similarities = isFirst ? [] : cosines(components, this.components, width);
    this.#values = Float64Array.from(made.values);
    this.components = components;
  }
}

/** Memory of one between two batches. */
export const pcaBytes = (rank: number, width: number): number => 8 * width * (rank + 1);

/**
 * Memory of an update by at most `rows` rows, beside its input: the stacked matrix, the vectors of its decomposition
 * (native/runtime/decompose.cc) with the best of them at a restart, and the new components before they replace the old ones.
 */
export function updateBytes(rank: number, width: number, rows: number): number {
  const stacked = rank + rows + 1;
  const vectors = Math.min(stacked, width, 3 * rank + 32);
  const best = rank + Math.ceil((vectors - rank) / 2);
  const made = rank * (stacked + 2 * width);
  return 4 * stacked * width + 8 * ((vectors + best) * (stacked + width) + 2 * vectors ** 2 + made);
}

function meanOf(values: Float32Array, rows: number, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < values.length; at++) mean[at % width]! += values[at]!;
  return mean.map((sum) => sum / rows);
}

/** Each vector with the sign that makes its largest element positive. */
function withSigns(vectors: Float64Array, width: number): Float64Array {
  const signed = Float64Array.from(vectors);
  for (let first = 0; first < signed.length; first += width) {
    const vector = signed.subarray(first, first + width);
    const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    if (largest < 0) for (let at = 0; at < width; at++) vector[at] = -vector[at]!;
  }
  return signed;
}

const cosines = (a: Float64Array, b: Float64Array, width: number): number[] =>
  Array.from({ length: a.length / width }, (_, k) => {
    let sum = 0;
    for (let at = k * width; at < (k + 1) * width; at++) sum += a[at]! * b[at]!;
    return sum;
  });
