import { type Activation, make } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { cacheShapes } from "../attentionCached/cases.ts";
import { cacheAppend } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  cacheShapes(act).map(({ label, slot, position, row, cache }) => {
    const operands = { k: row(), v: row(), slot, position, cacheK: cache(), cacheV: cache() };
    return make(cacheAppend, label, act, {}, operands);
  });
