/**
 * Names tensors of the arena that no later instruction reads. It computes nothing; in poison mode the executor fills
 * them with NaN, which must change no result. It takes any number of operands. Only the layout pass makes these; graphs
 * contain none.
 */
export const release = { name: "release" } as const;
