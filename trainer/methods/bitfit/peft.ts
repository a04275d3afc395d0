/**
 * BitFit's adapter: the biases under the base's own names, `<module>.bias` (out,), in the manner of PEFT's files. PEFT itself
 * has no BitFit and refuses the configuration; its users load a merged export.
 */
import type { BitfitSettings } from "../../contract/methods/bitfit.ts";
import type { PeftFormat } from "../peft.ts";
import { readSelection, selection, targetsOf } from "../peftTargets.ts";
import { isBias, moduleOf } from "../savedModules.ts";

export const bitfitPeft: PeftFormat<BitfitSettings> = {
  config: (settings, { parameters }) => ({
    peft_type: "BITFIT",
    target_modules: targetsOf(
      settings.targetModules,
      parameters.map(({ name }) => moduleOf(name).split(".").at(-1) ?? name),
    ),
    ...selection(settings),
  }),
  matches: ({ peft_type }) => peft_type === "BITFIT",
  read: (members) => ({ kind: "bitfit", ...readSelection(members) }),
  fault({ key, shape }) {
    if (!isBias(key)) return `key ${key} is not a BitFit tensor (….bias)`;
    return shape.length === 1 ? undefined : `${key} has shape [${shape.join(", ")}], but a bias has one dimension`;
  },
};
