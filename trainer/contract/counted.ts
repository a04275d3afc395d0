/** A count with its noun: "1 example", "2 examples". Pure. */
export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
