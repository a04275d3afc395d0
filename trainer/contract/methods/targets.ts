/** Settings that several methods share: which of a model's layers are adapted. */
import { z } from "zod";
import { distinct } from "../rules.ts";
import { type Setting, setting } from "../setting.ts";

/** Sets of names are hashed sorted. */
const sortedSet = (names: readonly string[]): string[] => [...new Set(names)].sort();

export const targetModules: Setting<string[], string[]> = setting(
  distinct(
    z
      .array(
        z
          .string()
          .min(1)
          .max(64)
          .regex(/^(all-linear|[A-Za-z0-9_.]+)$/),
      )
      .min(1)
      .max(32),
  ),
  {
    description:
      "Linear layers to adapt, by the last part of their name (q_proj, down_proj, …), or all-linear (default).",
    default: ["all-linear"],
    says: "",
    value: z.array(z.string()),
    canonical: sortedSet,
  },
);
