/** Compares values by their JSON. Pure. */
import { canonicalJson } from "../../trainer/contract/hashes.ts";

/** Are the values equal as JSON? The order of members and undefined members do not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => canonicalJson(JSON.parse(JSON.stringify(value)));
  return text(a) === text(b);
}
