/** LoHa in PEFT's layout: `<module>.hada_w1_a` (out, r), `hada_w1_b` (r, in), and w2 alike. */

import type { LohaSettings } from "../../contract/methods/loha.ts";
import { transposedTensor } from "../lowRank.ts";
import { lycorisConfig, readLycoris } from "../lycoris.ts";
import { type NamedValues, type PeftFormat, peftPrefix } from "../peft.ts";
import { asLora, updateOf } from "../update.ts";

const parts = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"] as const;

const isTransposed = (name: string): boolean => name.endsWith("_a");

const turned = (tensor: NamedValues): NamedValues => (isTransposed(tensor.name) ? transposedTensor(tensor) : tensor);

export const lohaPeft: PeftFormat<LohaSettings> = {
  config: (settings, facts) => ({ peft_type: "LOHA", ...lycorisConfig(settings, facts) }),
  matches: ({ peft_type }) => peft_type === "LOHA",
  read: (members) => ({ kind: "loha", ...readLycoris(members) }),
  fault({ key, shape }, settings, has) {
    const [, site, part] = /^(.+)\.(hada_w[12]_[ab])$/.exec(key) ?? [];
    if (site === undefined || part === undefined)
      return `key ${key} is not a LoHa tensor of a linear layer (${parts.map((one) => `….${one}`).join(", ")})`;
    const missing = parts.find((one) => !has(`${site}.${one}`));
    if (missing !== undefined) return `${key} is present, but ${site}.${missing} is missing`;
    const { rank } = updateOf(site, asLora(settings));
    if (shape.length === 2 && shape[part.endsWith("_a") ? 1 : 0] === rank) return undefined;
    return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank}`;
  },
  toPeft: (parameters) => parameters.map(turned).map((one) => ({ ...one, name: peftPrefix + one.name })),
  fromPeft: (tensors) => tensors.map(turned).map((one) => ({ ...one, name: one.name.slice(peftPrefix.length) })),
};
