/** The time, passed in wherever a decision depends on it. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();

/** RFC 3339 to the second, as Kubernetes writes times. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
