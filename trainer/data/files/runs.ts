/**
 * Checks Parquet's runs of levels and indices before they are decoded: the decoder trusts the count of a run, and a damaged or
 * hostile one would fill the memory. Pure.
 */

/** Where the runs stand, how wide a value is in bits, and how many values there are at most. */
export interface Runs {
  readonly start: number;
  readonly end: number;
  readonly width: number;
  readonly values: number;
}

/** Throws for a run that is longer than the page, or outside of it. */
export function checkRuns(bytes: Uint8Array, { start, end, width, values }: Runs): void {
  if (end > bytes.length || width > 32) throw new Error("the levels or indices of the page are invalid");
  let at = start;
  for (let seen = 0; seen < values && at < end; ) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || at > end || shift > 28) throw new Error("a run of the page is not closed");
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const isPacked = header % 2 === 1;
    const count = isPacked ? 8 * Math.floor(header / 2) : Math.floor(header / 2);
    // A packed run is filled up to a multiple of 8.
    if (count === 0 || count > values + 7 || (!isPacked && count > values - seen)) {
      throw new Error(`a run of ${count} values exceeds the page's ${values}`);
    }
    at += isPacked ? (count / 8) * width : Math.ceil(width / 8);
    seen += count;
  }
}
