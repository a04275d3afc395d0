/** The parts in which an object goes to a remote store, and how many of them are in memory at a time. */

/** 10,000 parts are the most an object has: 160 GB. */
export const partBytes = 16 * 1024 * 1024;
export const partsAtATime = 4;

/** Those on their way, and the one that is being filled. */
export const partsInMemory = partsAtATime + 1;
