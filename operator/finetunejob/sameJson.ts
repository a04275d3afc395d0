/** Equality of what goes over the wire. Pure. */
import { canonicalJson } from "../../trainer/contract/hashes.ts";

/** Equal once they are on the wire: the order of members and undefined ones do not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => canonicalJson(JSON.parse(JSON.stringify(value)));
  return text(a) === text(b);
}
