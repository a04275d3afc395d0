/** The settings of bottleneck adapters; the names of designs and activations are those of their papers. */
import { z } from "zod";
import { distinct } from "../rules.ts";
import { decimalSetting, type Earlier, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";

const designs = ["Houlsby", "Pfeiffer", "Parallel"] as const;
type Design = (typeof designs)[number];

const usual = {
  Houlsby: { branches: ["Attention", "FeedForward"], reductionFactor: 16, nonlinearity: "SiLU", scale: 1 },
  Pfeiffer: { branches: ["FeedForward"], reductionFactor: 16, nonlinearity: "ReLU", scale: 1 },
  Parallel: { branches: ["FeedForward"], reductionFactor: 2, nonlinearity: "ReLU", scale: 4 },
} as const satisfies Record<Design, object>;

const usualOf = ({ design }: Earlier) => usual[design as Design];

export const bottleneck = declareMethod({
  kind: "bottleneck",
  description:
    "Bottleneck adapters (Houlsby et al. 2019, Pfeiffer et al. 2021, He et al. 2022): a small trained network at the end of a block's branches.",
  learningRate: "1e-4",
  result: "Adapter",
  mergeRefusal:
    "method.bottleneck trains networks with a nonlinearity, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
  peftRefusal:
    "method.bottleneck leaves an adapter in AdapterHub's layout, and PEFT has no such adapter: leave adapter exports out and use the adapter of the run with AdapterHub's library, or set method.lora",
  settings: {
    design: setting(z.enum(designs), {
      description:
        "The adapter's input. Houlsby: the branch's output; Pfeiffer: its sum with the branch's input; Parallel: the branch's input.",
      default: "Pfeiffer",
    }),
    branches: setting(
      distinct(
        z
          .array(z.enum(["Attention", "FeedForward"]))
          .min(1)
          .max(2),
      ),
      {
        description: "The branches of a block that get an adapter.",
        default: (earlier) => [...usualOf(earlier).branches],
        defaultText: "Default FeedForward; with design Houlsby both.",
        canonical: (names) => [...names].sort(),
      },
    ),
    reductionFactor: decimalSetting(
      { min: 0.125, max: 65_536 },
      {
        description: "The hidden size by the adapter's inner width, which is rounded down and at least 1.",
        default: (earlier) => usualOf(earlier).reductionFactor,
        defaultText: "Default 16; with design Parallel 2.",
      },
    ),
    nonlinearity: setting(z.enum(["ReLU", "SiLU", "GELU"]), {
      description: "The activation inside; GELU by its tanh formula.",
      default: (earlier) => usualOf(earlier).nonlinearity,
      defaultText: "Default ReLU; with design Houlsby SiLU.",
    }),
    scale: decimalSetting(
      { exclusiveMin: 0, max: 1000 },
      {
        description: "The adapter's result is multiplied by this.",
        default: (earlier) => usualOf(earlier).scale,
        defaultText: "Default 1; with design Parallel 4.",
      },
    ),
    dropout: decimalSetting({ min: 0, max: 0.9 }, { description: "Dropout on the adapter's result.", default: 0 }),
    excludeLayers: setting(z.array(z.int().min(0).max(511)).max(512), {
      description: "Numbers of the model's layers without adapters, counted from 0.",
      default: [],
      defaultText: "Default: none.",
      canonical: (numbers) => [...new Set(numbers)].sort((a, b) => a - b),
    }),
  },
});
export type BottleneckSettings = SettingsOf<"bottleneck", (typeof bottleneck)["settings"]>;
