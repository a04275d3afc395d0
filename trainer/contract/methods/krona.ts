/** KronA's settings. */
import { decimalSetting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { factor } from "./lokr.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const krona = declareMethod({
  kind: "krona",
  description: "KronA (Edalati et al. 2022): a Kronecker product of two whole factors as the update.",
  learningRate: "1e-3",
  result: "Adapter",
  settings: {
    scale: decimalSetting(
      { exclusiveMin: 0, max: 1000 },
      { description: "s, by which the product is multiplied.", default: 1 },
    ),
    factor,
    targetModules,
    excludeModules,
    layers,
  },
});
export type KronaSettings = SettingsOf<"krona", (typeof krona)["settings"]>;
