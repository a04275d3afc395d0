/** Settings that several methods share: which of a model's layers are adapted. */
import { z } from "zod";
import { distinct, entriesAtMost } from "../rules.ts";
import { type Setting, setting } from "../setting.ts";

/** Sets of names are hashed sorted. */
export const sortedSet = (names: readonly string[]): string[] => [...new Set(names)].sort();

const moduleName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9_.]+$/);

/** Names of layers, by the last part or parts. */
export const modules = distinct(z.array(moduleName).max(32));

const targets = (more: string, least: number): Setting<string[], string[]> =>
  setting(
    distinct(
      z
        .array(
          z
            .string()
            .min(1)
            .max(64)
            .regex(/^(all-linear|[A-Za-z0-9_.]+)$/),
        )
        .min(least)
        .max(32),
    ),
    {
      description: `Linear layers to adapt, by the last part of their name (q_proj, down_proj, …), or all-linear (default).${more}`,
      default: ["all-linear"],
      defaultText: "",
      value: z.array(z.string()),
      canonical: sortedSet,
    },
  );

export const targetModules = targets("", 1);

export const targetsWithEmbedding = targets(
  " embed_tokens, which is not among all-linear, adapts the embedding. Empty, with targetParameters: none.",
  0,
);

export const targetParameters: Setting<string[], string[]> = setting(modules, {
  description:
    "Parameters of a mixture's experts to adapt, each expert's part by itself, by the last parts of their names in transformers 5: experts.gate_up_proj, experts.down_proj, layers.3.mlp.experts.down_proj. As in PEFT, neither layers nor excludeModules applies to them. They need dropout 0.",
  default: [],
  defaultText: "Default: none.",
  value: z.array(z.string()),
  canonical: sortedSet,
  later: true,
});

export const excludeModules: Setting<string[], string[]> = setting(modules, {
  description:
    "Linear layers that are not adapted although targetModules names them, by the last parts of their names.",
  default: [],
  defaultText: "Default: none.",
  value: z.array(z.string()),
  canonical: sortedSet,
  later: true,
});

export const bias = setting(z.enum(["None", "All", "LoraOnly"]), {
  description:
    "Biases of the model's layers that are trained too. All: every one; LoraOnly: those of the adapted layers. A model without such biases is refused.",
  default: "None",
  later: true,
});

export const modulesToSave: Setting<string[], string[]> = setting(distinct(z.array(moduleName).max(32)), {
  description:
    "Modules of the model that are trained whole beside the adapter, and saved with it: all whose full names end with one of these (norm, lm_head, embed_tokens). Linear layers among them get no adapter.",
  default: [],
  defaultText: "Default: none.",
  value: z.array(z.string()),
  canonical: sortedSet,
  later: true,
});

export const ensureWeightTying = setting(z.boolean(), {
  description:
    "Where the model ties its head to embed_tokens and modulesToSave names embed_tokens: train both as the one matrix that they are. Such a model is refused without it.",
  default: false,
  later: true,
});

const tokenRows = distinct(z.array(z.int().min(0).max(999_999)).min(1).max(4096)).optional();
const rowsByModule = z.strictObject({
  embed_tokens: tokenRows.meta({ description: "Rows of the embedding." }),
  lm_head: tokenRows.meta({ description: "Rows of the head, where it is not the embedding." }),
});
type RowsByModule = z.infer<typeof rowsByModule>;

export const trainableTokens: Setting<RowsByModule, RowsByModule> = setting(rowsByModule, {
  description:
    "Tokens whose rows of embed_tokens and lm_head are trained and saved, such as those of dataset.addedTokens; all other rows stay frozen. Where the head is embed_tokens, its rows are the same.",
  default: {},
  defaultText: "Default: none.",
  later: true,
});

export const layers: Setting<number[], number[]> = setting(z.array(z.int().min(0).max(511)).max(512), {
  description: "Numbers of the model's layers to adapt, counted from 0.",
  default: [],
  defaultText: "Default: all.",
  value: z.array(z.int()),
  canonical: (numbers) => [...new Set(numbers)].sort((a, b) => a - b),
  later: true,
});

/** Numbers by module, for those that differ from the rest. The plan refuses names that no layer has. */
export const byModule = (most: number, description: string): Setting<Record<string, number>, Record<string, number>> =>
  setting(entriesAtMost(z.record(z.string(), z.int().min(1).max(most)), 64), {
    description: `${description} By the last parts of a layer's name (q_proj, layers.0.mlp.down_proj); the longest that fits counts.`,
    default: {},
    defaultText: "Default: none.",
    value: z.record(z.string(), z.number()),
    later: true,
  });
