/**
 * The largest of many non-negative numbers, exactly, without sorting or copying them: the bits of such floats are ordered like
 * the numbers, so two histograms find the smallest that is kept. Equal numbers are kept from the first on. Pure.
 */

/** The number of elements that `density` leaves of `all`: at least one. */
export const countOf = (density: number, all: number): number => Math.max(1, Math.round(density * all));

/** Writes 1 where `values` are among the `count` largest of all and above 0, else 0, into arrays of the same lengths. */
export function markLargest(values: readonly Float32Array[], count: number, into: readonly Float32Array[]): void {
  const isKept = chooserOf(() => values, count);
  for (const [index, one] of values.entries()) {
    const marks = into[index]!;
    for (const [at, word] of wordsOf(one).entries()) marks[at] = isKept(word) ? 1 : 0;
  }
}

/** The bits of each number. */
export const wordsOf = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

/**
 * Decides by the bits of a number whether it is among the `count` largest of all and above 0; it is asked about each number once,
 * in order. `parts` gives all numbers, twice, and may compute them in pieces, so that they need not be in memory together.
 */
export function chooserOf(parts: () => Iterable<Float32Array>, count: number): (word: number) => boolean {
  const high = histogram(parts(), (word) => word >>> 16);
  const [top, above] = bucketOf(high, count);
  const low = histogram(parts(), (word) => (word >>> 16 === top ? word & 0xffff : -1));
  const [bottom, more] = bucketOf(low, count - above);
  const threshold = top * 2 ** 16 + bottom;
  let equal = count - above - more;
  return (word) => {
    if (word !== threshold || word === 0) return word > threshold;
    equal -= 1;
    return equal >= 0;
  };
}

function histogram(parts: Iterable<Float32Array>, bucket: (word: number) => number): Float64Array {
  const counts = new Float64Array(2 ** 16);
  for (const one of parts) {
    for (const word of wordsOf(one)) {
      const index = bucket(word);
      if (index >= 0) counts[index]! += 1;
    }
  }
  return counts;
}

/** The bucket that holds the number of rank `count` from the top, and how many lie above it. */
function bucketOf(counts: Float64Array, count: number): readonly [bucket: number, above: number] {
  let above = 0;
  for (let bucket = counts.length - 1; bucket > 0; bucket--) {
    if (above + counts[bucket]! >= count) return [bucket, above];
    above += counts[bucket]!;
  }
  return [0, above];
}
