/** Slots and positions of the cache's rows; a slot of −1 is padding, whose position is ignored. */
export const cacheIndices = [
  { operand: "slot", below: "slots", skips: true },
  { operand: "position", below: "capacity", where: "slot" },
] as const;
