/** (IA)³ in PEFT's layout: `<module>.ia3_l`, (1, in) where it scales the input, else (out, 1). */
import type { Ia3Settings } from "../../contract/methods/ia3.ts";
import { type PeftFormat, peftPrefix } from "../peft.ts";
import { targetsOf } from "../peftTargets.ts";
import { scalesInput } from "./placement.ts";

/** `base_model.model.<module>.ia3_l` → the module. */
const siteOf = (key: string): string | undefined => /^(.+)\.ia3_l$/.exec(key)?.[1];

export const ia3Peft: PeftFormat<Ia3Settings> = {
  config: ({ targetModules, feedforwardModules, excludeModules }, { modules }) => ({
    peft_type: "IA3",
    target_modules: targetsOf(targetModules, modules),
    exclude_modules: excludeModules.length === 0 ? null : [...excludeModules].sort(),
    feedforward_modules: [...feedforwardModules].sort(),
    fan_in_fan_out: false,
    modules_to_save: null,
    init_ia3_weights: true,
  }),
  matches: ({ peft_type }) => peft_type === "IA3",
  read(members) {
    members.ignore(["init_ia3_weights"]);
    return {
      kind: "ia3",
      targetModules: members.layers("target_modules"),
      feedforwardModules: members.names("feedforward_modules"),
      excludeModules: members.names("exclude_modules"),
    };
  },
  fault({ key, shape }, settings) {
    const site = siteOf(key);
    if (site === undefined) return `key ${key} is not an (IA)³ tensor (….ia3_l)`;
    const isRow = scalesInput(site, settings);
    if (shape.length === 2 && shape[isRow ? 0 : 1] === 1) return undefined;
    const expected = isRow ? "(1, in) as one of feedforward_modules" : "(out, 1)";
    return `${key} has shape [${shape.join(", ")}]; it must be ${expected}`;
  },
  toPeft: (parameters, settings) =>
    parameters.map(({ name, shape: [size = 0], values }) => {
      const shape = scalesInput(siteOf(name) ?? name, settings) ? [1, size] : [size, 1];
      return { name: peftPrefix + name, shape, values };
    }),
  fromPeft: (tensors) =>
    tensors.map(({ name, values }) => ({ name: name.slice(peftPrefix.length), shape: [values.length], values })),
};
