/** LoKr's settings. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { alpha, alphaPattern, rank, rankPattern } from "./lowRank.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

/** How a Kronecker product divides a matrix. */
export const factor = setting(z.int().min(1).max(65_536), {
  description:
    "Rows and columns of the first factor, where a dimension is a multiple of it; else the nearest below. Default: near the dimension's square root.",
});

export const lokr = declareMethod({
  kind: "lokr",
  description:
    "LoKr (Yeh et al. 2024): a Kronecker product as the update, whose second factor is low-rank where it is large.",
  learningRate: "1e-3",
  result: "Adapter",
  settings: {
    rank,
    alpha,
    factor,
    decomposeBoth: setting(z.boolean(), {
      description: "Whether the first factor is low-rank too where it is large.",
      default: false,
    }),
    targetModules,
    excludeModules,
    layers,
    rankPattern,
    alphaPattern,
  },
});
export type LokrSettings = SettingsOf<"lokr", (typeof lokr)["settings"]>;
