/** Full fine-tuning: it has no settings of its own. */
import { declareMethod } from "./declaration.ts";

export const full = declareMethod({
  kind: "full",
  description: "Train every weight of the model.",
  learningRate: "2e-5",
  result: "Model",
  nf4Refusal:
    "method.full trains the base's own weights, which NF4 cannot hold: use a base that is not quantised (remove quantization), or set method.lora",
  peftRefusal:
    "method.full leaves a whole model and no adapter: leave adapter exports out and export merged, or set method.lora",
  trainsRouterBy: [],
  smaller: { kind: "lora" },
  settings: {},
});
