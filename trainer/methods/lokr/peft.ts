/**
 * LoKr in PEFT's layout: `<module>.lokr_w1` (l, m) and `lokr_w2` (k, n), each also as `_a` (rows, r) and `_b` (r, columns).
 */
import type { LokrSettings } from "../../contract/methods/lokr.ts";
import { lycorisConfig, readLycoris } from "../lycoris.ts";
import type { PeftFormat, StoredShape } from "../peft.ts";
import { asLora, updateOf } from "../update.ts";

/** The members of a configuration besides LoHa's. */
export const lokrConfig = (factor: number | undefined, decomposeBoth: boolean) => ({
  decompose_factor: factor ?? -1,
  decompose_both: decomposeBoth,
  rank_dropout_scale: false,
});

/** The error for a tensor that is not a factor, or whose other factor or half is missing. */
export function lokrFault(
  { key, shape }: StoredShape,
  rankOf: (site: string) => number,
  has: (key: string) => boolean,
) {
  const [, site, factor, half] = /^(.+)\.lokr_(w[12])(_[ab])?$/.exec(key) ?? [];
  if (site === undefined)
    return `key ${key} is not a LoKr tensor of a linear layer (….lokr_w1, ….lokr_w2, and their _a, _b)`;
  const other = `${site}.lokr_${factor === "w1" ? "w2" : "w1"}`;
  if (!has(other) && !has(`${other}_a`)) return `${key} is present, but ${other} is missing`;
  const pair = half && `${site}.lokr_${factor}${half === "_a" ? "_b" : "_a"}`;
  if (pair && !has(pair)) return `${key} is present, but ${pair} is missing`;
  const rank = rankOf(site);
  if (shape.length === 2 && (!half || shape[half === "_a" ? 1 : 0] === rank)) return undefined;
  return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank}`;
}

export const lokrPeft: PeftFormat<LokrSettings> = {
  config: (settings, facts) => ({
    peft_type: "LOKR",
    ...lycorisConfig(settings, facts),
    ...lokrConfig(settings.factor, settings.decomposeBoth),
  }),
  matches: ({ peft_type }) => peft_type === "LOKR",
  read(members) {
    const shared = readLycoris(members);
    const factor = members.integer("decompose_factor", -1, 1_048_576, -1);
    return {
      kind: "lokr",
      ...shared,
      factor: factor > 0 ? factor : undefined,
      decomposeBoth: members.flag("decompose_both"),
    };
  },
  fault: (tensor, settings, has) => lokrFault(tensor, (site) => updateOf(site, asLora(settings)).rank, has),
};
