/** (IA)³'s settings: the layers whose output is scaled, and those whose input is. */
import { z } from "zod";
import type { Rule } from "../rules.ts";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { excludeModules, modules, sortedSet, targetModules } from "./targets.ts";

const usual = ["k_proj", "v_proj", "down_proj"];

interface Written {
  targetModules?: string[] | undefined;
  feedforwardModules?: string[] | undefined;
}

const feedforwardIsAdapted: Rule<Written> = {
  cel: `!has(self.feedforwardModules) || self.feedforwardModules.all(m, (has(self.targetModules) ? self.targetModules : ['${usual.join("', '")}']).exists(t, t == m || t == 'all-linear'))`,
  holds: ({ targetModules: targets = usual, feedforwardModules = [] }) =>
    targets.includes("all-linear") || feedforwardModules.every((name) => targets.includes(name)),
  message: "feedforwardModules names a layer that targetModules does not: add it there, or remove it here",
  fieldPath: ".feedforwardModules",
};

export const ia3 = declareMethod(
  {
    kind: "ia3",
    description:
      "(IA)³ (Liu et al. 2022): trained scales of keys, values and the feed-forward's inner activations; the fewest parameters of all methods.",
    learningRate: "3e-3",
    result: "Adapter",
    settings: {
      targetModules: {
        ...targetModules,
        written: targetModules.written.meta({
          description:
            "Linear layers to scale, by the last part of their name, or all-linear. Default k_proj, v_proj, down_proj.",
        }),
        default: () => usual,
      },
      feedforwardModules: setting(modules, {
        description: "Those of targetModules whose input is scaled instead of their output.",
        default: ({ targetModules: targets }) =>
          Array.isArray(targets) && (targets.includes("down_proj") || targets.includes("all-linear"))
            ? ["down_proj"]
            : [],
        defaultText: "Default: down_proj where it is one of them.",
        value: z.array(z.string()),
        canonical: sortedSet,
      }),
      excludeModules: { ...excludeModules, later: false },
    },
  },
  [feedforwardIsAdapted],
);
export type Ia3Settings = SettingsOf<"ia3", (typeof ia3)["settings"]>;
