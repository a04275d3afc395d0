/**
 * X-LoRA in PEFT's layout: the classifier's layers, keys `base_model.internal_xlora_classifier.layers.<i>.weight` (out, in) and
 * `.bias`, by their numbers in torch's sequence of layers, activations and dropouts. The adapters are in folders beside it.
 */
import { mostGivenAdapters } from "../../contract/givenAdapters.ts";
import type { XloraSettings } from "../../contract/methods/xlora.ts";
import type { PeftFormat } from "../peft.ts";
import type { PeftMembers } from "../peftMembers.ts";

const [peftName, ourName] = ["base_model.internal_xlora_classifier.", "classifier."];

/** The names of the classifier's linear layers. */
export function classifierLayers({
  classifierDepth,
  classifierDropout = 0,
}: Pick<XloraSettings, "classifierDepth" | "classifierDropout">): string[] {
  const step = classifierDropout > 0 ? 3 : 2;
  return Array.from({ length: classifierDepth }, (_, index) => `layers.${index * step}`);
}

export const xloraPeft: PeftFormat<XloraSettings> = {
  config: (settings, { model }) => ({
    peft_type: "XLORA",
    hidden_size: model.hiddenSize,
    // PEFT applies adapters by these names, and looks for each at its place.
    adapters: Object.fromEntries(settings.adapters.map((_, index) => [String(index), String(index)])),
    enable_softmax: settings.normalization === "All",
    enable_softmax_topk: settings.normalization === "Chosen",
    softmax_temperature: settings.temperature,
    layerwise_scalings: settings.layerwise,
    top_k_lora: settings.topK ?? null,
    xlora_depth: settings.classifierDepth,
    xlora_size: settings.classifierWidth ?? 2048,
    xlora_dropout_p: settings.classifierDropout ?? 0,
    use_trainable_adapters: false,
    scaling_pass_value: settings.firstPassScale,
    global_scaling_weight: settings.scale,
  }),
  matches: ({ peft_type }) => peft_type === "XLORA",
  read: readSettings,
  fault({ key, shape }, settings) {
    const names = classifierLayers(settings).flatMap((name) => [`${name}.weight`, `${name}.bias`]);
    const known = names.find((name) => key === peftName + name);
    if (known === undefined)
      return `key ${key} is not a tensor of a classifier of depth ${settings.classifierDepth} (${peftName}${names[0]})`;
    const rank = known.endsWith(".bias") ? 1 : 2;
    return shape.length === rank ? undefined : `${key} has shape [${shape.join(", ")}] instead of ${rank} dimensions`;
  },
  toPeft: (parameters) => parameters.map((one) => ({ ...one, name: peftName + one.name.slice(ourName.length) })),
  fromPeft: (tensors) => tensors.map((one) => ({ ...one, name: ourName + one.name.slice(peftName.length) })),
};

function readSettings(members: PeftMembers): XloraSettings {
  const adapters = Object.entries(members.texts("adapters")).map(([name, uri], index) => {
    if (name === String(index)) return { uri };
    throw members.wrong("adapters", "named 0, 1, 2 …, since PEFT applies no others");
  });
  if (adapters.length > mostGivenAdapters) throw members.wrong("adapters", `at most ${mostGivenAdapters} adapters`);
  members.ignore(["hidden_size"]);
  members.only("use_trainable_adapters", [false], "save each adapter by itself, and mix the frozen ones");
  const depth = members.integer("xlora_depth", 1, 8, 1);
  const isChosen = members.flag("enable_softmax_topk");
  members.only(
    "enable_softmax",
    isChosen ? [false] : [true],
    "scales are a softmax, over all adapters or over the chosen ones",
  );
  const topK = members.integer("top_k_lora", 1, adapters.length, adapters.length);
  if (isChosen) members.only("softmax_temperature", [1]);
  const temperature = isChosen ? 1 : members.positive("softmax_temperature");
  const [width, dropout] = [members.integer("xlora_size", 1, 65_536, 2048), members.share("xlora_dropout_p")];
  const firstPassScale = members.notNegative("scaling_pass_value");
  if (topK < adapters.length) members.only("scaling_pass_value", [0]);
  return {
    kind: "xlora",
    adapters,
    layerwise: members.flag("layerwise_scalings"),
    classifierDepth: depth,
    classifierWidth: depth > 1 ? width : undefined,
    classifierDropout: depth > 1 ? dropout : undefined,
    topK: topK < adapters.length ? topK : undefined,
    normalization: isChosen && topK < adapters.length ? "Chosen" : "All",
    temperature,
    scale: members.positive("global_scaling_weight"),
    firstPassScale,
  };
}
