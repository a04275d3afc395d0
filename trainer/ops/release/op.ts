/**
 * Names tensors of the arena that nothing reads any more. Computes nothing; in poison mode the executor fills them with
 * NaN, which must change no result. Any number of operands: the layout pass makes these, no graph contains one.
 */
export const release = { name: "release" } as const;
