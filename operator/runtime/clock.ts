/** The clock, a parameter of all code that depends on the time. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

/** RFC 3339 to the second, as Kubernetes writes times. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
