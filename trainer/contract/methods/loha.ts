/** LoHa's settings. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { alpha, alphaPattern } from "./lowRank.ts";
import { byModule, excludeModules, layers, targetModules } from "./targets.ts";

/** The update has rank r², and ranks are at most 512. */
const mostRank = 22;

export const loha = declareMethod({
  kind: "loha",
  description:
    "LoHa (Hyeon-Woo et al. 2022): the element-wise product of two low-rank updates, of rank r² with the parameters of two of rank r.",
  learningRate: "1e-3",
  result: "Adapter",
  settings: {
    rank: setting(z.int().min(1).max(mostRank), {
      description: "r, the inner dimension of both updates; that of their product is r².",
      default: 8,
      value: z.int(),
    }),
    alpha,
    targetModules,
    excludeModules,
    layers,
    rankPattern: byModule(mostRank, "Other ranks than `rank`."),
    alphaPattern,
  },
});
export type LohaSettings = SettingsOf<"loha", (typeof loha)["settings"]>;
