/** The settings of X-LoRA. */
import { z } from "zod";
import { mostGivenAdapters } from "../givenAdapters.ts";
import { access, accessIsRemote, modelUri } from "../locations.ts";
import { distinct, type Rule, ruled } from "../rules.ts";
import { decimalSetting, required, type Setting, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";

const writtenAdapters = distinct(
  z
    .array(
      ruled(
        z.strictObject({
          uri: modelUri.meta({
            description:
              "A directory with adapter_config.json and adapter_model.safetensors: pvc://CLAIM/PATH, s3://BUCKET/PATH or hf://ORGANISATION/NAME.",
          }),
          ...access,
        }),
        accessIsRemote,
      ),
    )
    .min(2)
    .max(mostGivenAdapters),
  "uri",
);
type Written = z.infer<typeof writtenAdapters>;

const adapters: Setting<Written, Written> & { readonly required: true } = required({
  ...setting<Written>(writtenAdapters, {
    description: "The LoRA adapters to mix, trained on this base. They stay frozen; their own dropout is not applied.",
    default: [],
    defaultText: "",
    value: z.array(z.object({ uri: z.string(), endpoint: z.string().optional() })),
    canonical: (list) => list.map(({ uri, endpoint }) => ({ uri, endpoint })),
  }),
  // Credentials are not part of what is trained.
  read: (list) => list.map(({ uri, endpoint }) => ({ uri, ...(endpoint !== undefined && { endpoint }) })),
});

type Field = "classifierWidth" | "classifierDropout";
type Members = { classifierDepth?: number | undefined } & { [Name in Field]?: unknown };

const needsDepth = (field: Field): Rule<Members> => ({
  cel: `!has(self.${field}) || (has(self.classifierDepth) && self.classifierDepth > 1)`,
  holds: (settings) => settings[field] === undefined || (settings.classifierDepth ?? 1) > 1,
  message: `${field} has no effect without hidden layers: remove it, or set classifierDepth above 1`,
  fieldPath: `.${field}`,
});

interface Choice {
  adapters?: readonly unknown[] | undefined;
  topK?: number | undefined;
  normalization?: string | undefined;
  temperature?: string | undefined;
  firstPassScale?: string | undefined;
}

const rules: readonly Rule<Choice>[] = [
  {
    cel: "!has(self.topK) || self.topK < size(self.adapters)",
    holds: ({ topK, adapters: list = [] }) => topK === undefined || topK < list.length,
    message: "topK must be below the number of adapters: lower it, or remove it to use all",
    fieldPath: ".topK",
  },
  {
    cel: "!has(self.normalization) || self.normalization != 'Chosen' || (has(self.topK) && self.topK > 1)",
    holds: ({ normalization, topK = 1 }) => normalization !== "Chosen" || topK > 1,
    message:
      "normalization Chosen needs topK above 1, since the scale of one adapter alone is always 1: set topK, or remove normalization",
    fieldPath: ".normalization",
  },
  {
    cel: "!has(self.temperature) || !has(self.normalization) || self.normalization != 'Chosen'",
    holds: ({ normalization, temperature }) => temperature === undefined || normalization !== "Chosen",
    message: "temperature has no effect with normalization Chosen: remove one of them",
    fieldPath: ".temperature",
  },
  {
    cel: "!has(self.firstPassScale) || !has(self.topK)",
    holds: ({ firstPassScale, topK }) => firstPassScale === undefined || topK === undefined,
    message: "firstPassScale cannot be combined with topK, which has no choice among equal scales: remove one of them",
    fieldPath: ".firstPassScale",
  },
];

export const xlora = declareMethod(
  {
    kind: "xlora",
    description:
      "X-LoRA (Buehler and Buehler 2024): a trained classifier that mixes given LoRA adapters, for each token anew.",
    learningRate: "1e-3",
    result: "Adapter",
    givesAdapters: "adapters",
    mergeRefusal:
      "method.xlora mixes its adapters for each token anew, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
    settings: {
      adapters,
      layerwise: setting(z.boolean(), {
        description: "Scales for each adapted layer; false: the same in all.",
        default: false,
      }),
      classifierDepth: setting(z.int().min(1).max(8), {
        description: "Linear layers of the classifier, with ReLU between.",
        default: 1,
      }),
      classifierWidth: setting(z.int().min(1).max(65_536), {
        description: "Width of the classifier's hidden layers.",
        default: ({ classifierDepth }) => (Number(classifierDepth) > 1 ? 2048 : undefined),
        defaultText: "Default 2048.",
        value: z.int().optional(),
      }),
      classifierDropout: decimalSetting(
        { min: 0, max: 0.9 },
        {
          description: "Dropout behind each hidden layer of the classifier.",
          default: ({ classifierDepth }) => (Number(classifierDepth) > 1 ? 0.2 : undefined),
          defaultText: "Default 0.2.",
          value: z.number().optional(),
        },
      ),
      topK: setting(
        z
          .int()
          .min(1)
          .max(mostGivenAdapters - 1),
        {
          description: "Adapters that a token uses: those with the highest scales. Default: all.",
          value: z.int().optional(),
        },
      ),
      normalization: setting(z.enum(["All", "Chosen"]), {
        description: "The adapters over which the scales are a softmax: all, or the topK chosen ones.",
        default: "All",
      }),
      temperature: decimalSetting(
        { min: 0.001, max: 1000 },
        { description: "The classifier's outputs are divided by this before the softmax.", default: 1 },
      ),
      scale: decimalSetting(
        { exclusiveMin: 0, max: 1000 },
        { description: "Times the output of every adapter.", default: 1 },
      ),
      firstPassScale: decimalSetting(
        { min: 0, max: 1000 },
        {
          description: "The scale of every adapter in the pass that the classifier reads; 0: the base alone.",
          default: 0,
        },
      ),
    },
  },
  [needsDepth("classifierWidth"), needsDepth("classifierDropout"), ...rules],
);
export type XloraSettings = SettingsOf<"xlora", (typeof xlora)["settings"]>;
