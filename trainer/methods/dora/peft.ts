/** DoRA in PEFT's layout: as LoRA, with `use_dora` and `<module>.lora_magnitude_vector` (out,). */
import type { DoraSettings } from "../../contract/methods/dora.ts";
import { loraConfig, loraFault, readLora } from "../lora/peft.ts";
import type { PeftFormat } from "../peft.ts";

export const doraPeft: PeftFormat<DoraSettings> = {
  config: (settings, facts) => loraConfig({ ...settings, dropout: 0 }, facts, { useDora: true }),
  matches: ({ peft_type, use_dora }) => peft_type === "LORA" && use_dora === true,
  read(members) {
    members.flag("use_dora");
    members.only("bias", ["none"]);
    const { dropout: _, ...settings } = readLora(members);
    return { kind: "dora", ...settings };
  },
  fault({ key, shape }, settings, has) {
    const [, site, part] = /^(.+)\.lora_(magnitude_vector|A\.weight)$/.exec(key) ?? [];
    const pair =
      site === undefined ? undefined : `${site}.lora_${part === "A.weight" ? "magnitude_vector" : "A.weight"}`;
    if (pair !== undefined && !has(pair)) return `${key} is present, but ${pair} is missing`;
    if (part !== "magnitude_vector") return loraFault({ key, shape }, settings, has);
    return shape.length === 1 ? undefined : `${key} has shape [${shape.join(", ")}], but must be a vector`;
  },
};
