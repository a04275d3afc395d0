/** Intrinsic dimension's settings: how many numbers train, and the projection that makes matrices of them. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const intrinsicDimension = declareMethod({
  kind: "intrinsicDimension",
  description:
    "Intrinsic SAID (Aghajanyan et al. 2020): train one short vector that a fixed random projection turns into updates of all matrices, and a scale of each matrix.",
  learningRate: "1e-3",
  result: "Adapter",
  peftRefusal:
    "method.intrinsicDimension projects one vector to all matrices, which PEFT has no adapter for: leave adapter exports out and export merged, or set method.lora",
  smaller: { kind: "ia3" },
  settings: {
    dimension: setting(z.int().min(1).max(16_777_216), {
      description: "Length of the trained vector; each adapted matrix has a scale more.",
      default: 20_000,
    }),
    projectionSeed: setting(z.int().min(0).max(2_147_483_647), {
      description: "Seed of the projection; it is part of the adapter.",
      default: 0,
    }),
    targetModules,
    excludeModules,
    layers,
  },
});
export type IntrinsicDimensionSettings = SettingsOf<"intrinsicDimension", (typeof intrinsicDimension)["settings"]>;
