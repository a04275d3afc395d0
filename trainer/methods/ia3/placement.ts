/** Where (IA)³ scales a layer. Pure. */
import type { Ia3Settings } from "../../contract/methods/ia3.ts";
import { isNamed, type Targets } from "../targets.ts";

/** Whether the layer's input is scaled; else its output. */
export const scalesInput = (name: string, { feedforwardModules }: Pick<Ia3Settings, "feedforwardModules">): boolean =>
  feedforwardModules.some((module) => isNamed(name, module));

/** The scaled layers; PEFT cannot choose them by their numbers. */
export const scaledLayers = ({ targetModules, excludeModules }: Ia3Settings): Targets => ({
  targetModules,
  excludeModules,
  layers: [],
});
