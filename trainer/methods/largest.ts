/**
 * The largest of many non-negative numbers, exactly, without sorting or copying them: the bits of such floats are ordered like
 * the numbers, so two histograms find the smallest that is kept. Equal numbers are kept from the first on. Pure.
 */

/** Writes 1 where `values` are among the `count` largest of all and above 0, else 0, into arrays of the same lengths. */
export function markLargest(values: readonly Float32Array[], count: number, into: readonly Float32Array[]): void {
  const words = values.map((one) => new Uint32Array(one.buffer, one.byteOffset, one.length));
  const high = histogram(words, (word) => word >>> 16);
  const [top, above] = bucketOf(high, count);
  const low = histogram(words, (word) => (word >>> 16 === top ? word & 0xffff : -1));
  const [bottom, more] = bucketOf(low, count - above);
  const threshold = top * 2 ** 16 + bottom;
  let equal = count - above - more;
  for (const [index, one] of words.entries()) {
    const marks = into[index]!;
    for (let at = 0; at < one.length; at++) {
      const word = one[at]!;
      const isKept = word !== 0 && (word > threshold || (word === threshold && equal > 0));
      if (word === threshold && equal > 0) equal -= 1;
      marks[at] = isKept ? 1 : 0;
    }
  }
}

function histogram(words: readonly Uint32Array[], bucket: (word: number) => number): Float64Array {
  const counts = new Float64Array(2 ** 16);
  for (const one of words) {
    for (const word of one) {
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
