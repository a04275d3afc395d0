/**
 * Prefix tuning: each layer has n trained keys and values before every example; a token attends to them and to its own
 * example. The keys get no rotary embedding, because PEFT puts them into the cache unchanged; an example's positions begin
 * at n.        Li & Liang 2021, §4.2, without the reparametrisation
 */
import { prefixTuning as declaration } from "../../contract/methods/prefixTuning.ts";
import { defineMethod } from "../method.ts";
import { prefixFault } from "../prefixes.ts";
import { prefixTuningPeft } from "./peft.ts";

export const prefixTuning = defineMethod(declaration, {
  check: ({ virtualTokens }, task) => prefixFault("prefixTuning", virtualTokens, task),
  describe: ({ virtualTokens }) => `prefix tuning, ${virtualTokens} keys and values per layer`,
  positionOffset: ({ virtualTokens }) => virtualTokens,
  prefix(site, { virtualTokens }) {
    const trained = (part: string) =>
      site.trainable(`prefix.${part}`, [virtualTokens, site.width], { kind: "normal", deviation: 1 }).phi;
    return { keys: trained("keys"), values: trained("values") };
  },
  peft: prefixTuningPeft,
});
