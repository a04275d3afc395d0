/** BitFit: y = Wx + b, of which b alone trains, from the base's values.        Ben Zaken et al. 2022, §3 */
import { type BitfitSettings, bitfit as declaration } from "../../contract/methods/bitfit.ts";
import { defineMethod } from "../method.ts";
import { isBias, moduleOf } from "../savedModules.ts";
import { isTarget, targetFault } from "../targets.ts";
import { bitfitPeft } from "./peft.ts";

/** Whether a tensor of the base is a chosen bias. */
const isTrained = (tensor: string, settings: BitfitSettings): boolean =>
  isBias(tensor) && isTarget(moduleOf(tensor), settings);

export const bitfit = defineMethod(declaration, {
  describe: ({ targetModules }) => `BitFit, the biases of ${targetModules.join(", ")}`,
  check(settings, { sites, tensors }) {
    const fault = targetFault(settings, sites);
    const names = [...tensors.keys()];
    if (fault !== undefined || names.some((tensor) => isTrained(tensor, settings))) return fault;
    const biases = names.filter(isBias).map((tensor) => moduleOf(tensor).split(".").at(-1));
    if (biases.length === 0)
      return "method.bitfit trains biases, and this model has none: set method.ia3 for as few parameters, or method.lora";
    const named = [...new Set(biases)].join(", ");
    return `method.bitfit trains biases, and the chosen layers have none: choose among ${named}`;
  },
  trains: isTrained,
  peft: bitfitPeft,
});
