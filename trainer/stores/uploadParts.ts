/** The size of the parts of an upload to a remote store, and the number of them in memory at a time. */

/** An object has at most 10,000 parts, so at most 160 GB. */
export const partBytes = 16 * 1024 * 1024;
export const partsAtATime = 4;

/** The parts that are being sent, and the one that is being filled. */
export const partsInMemory = partsAtATime + 1;
