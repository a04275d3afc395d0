import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { cachePrefix } from "./op.ts";

export function cases(act: Activation): OpCase[] {
  const [slots, capacity, n, e] = [3, 9, 4, 10];
  const [prefix, cache] = [() => random(act, [n, e]), () => random(act, [slots, capacity, e])];
  const operands = { prefixK: prefix(), prefixV: prefix(), cacheK: cache(), cacheV: cache() };
  return [make(cachePrefix, `${slots}×${capacity}×${e}`, act, {}, operands)];
}
