/**
 * LoRA in PEFT's layout: keys `<module>.lora_A.weight` (r, in) and `<module>.lora_B.weight` (out, r), those of embeddings, and
 * the base's own tensors that are trained.
 */
import type { LoraSettings } from "../../contract/methods/lora.ts";
import { type ConfigFacts, type NamedValues, type PeftFormat, peftPrefix, type StoredShape } from "../peft.ts";
import type { PeftMembers } from "../peftMembers.ts";
import { patterns, readPatterns, readSelection, selection, targetsOf } from "../peftTargets.ts";
import { expertsFault, fusedExperts, splitExperts } from "../savedExperts.ts";
import { isTrainedTensor, ownNameOf, peftNameOf, repeatsHead, type Saved, tiedTensors } from "../savedModules.ts";
import {
  isTrainedRowsKey,
  missingRowsFault,
  readTrainedRows,
  trainedRowsConfig,
  trainedRowsKeyFault,
} from "../trainedRows.ts";
import { updateOf } from "../update.ts";
import { embeddingFault, isEmbeddingKey, repeatedEmbedding, turned } from "./embedding.ts";
import { isEva, padded, patternsOf, trimmed } from "./eva.ts";
import { expertFromPeft, expertKeyFault, expertToPeft, isExpertKey } from "./experts.ts";
import { besideBase, savedSettings } from "./fromBase.ts";

/** Members of the configuration of an adapter without PEFT's further options. */
export const unusedOptions = {
  exclude_modules: null,
  modules_to_save: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  bias: "none",
  fan_in_fan_out: false,
  init_lora_weights: true,
};

/** Initialisations of A and B that keep the base unchanged; PEFT's others (pissa, olora, loftq, corda, …) subtract from it. */
const plainStarts = [true, false, "gaussian", "orthogonal", "eva"];

/** Members that only refine an initialisation or a flag, which is itself rejected if it is set. */
const ofStartsAndFlags = [
  ...["loftq_config", "eva_config", "corda_config", "lora_ga_config"],
  ...["layers_pattern", "qalora_group_size", "megatron_core", "runtime_config", "ensure_weight_tying"],
];

/** The settings that LoRA and DoRA share, and dropout, which is 0 in DoRA. */
type Common = Omit<
  LoraSettings,
  | "kind"
  | "targetParameters"
  | "learningRateRatio"
  | "trainableTokens"
  | "loftqIterations"
  | "evaRho"
  | "evaTau"
  | keyof Saved
>;

const biasInPeft = { None: "none", All: "all", LoraOnly: "lora_only" } as const;

/** Those that depend on the base are saved as plain LoRA, because PEFT would change the base when it loads the adapter. */
const startInPeft = {
  Kaiming: true,
  Gaussian: "gaussian",
  Orthogonal: "orthogonal",
  PiSSA: true,
  OLoRA: true,
  LoftQ: true,
  EVA: true,
} as const;

/** The members of a configuration of LoRA or DoRA. */
export const loraConfig = (settings: Common, { modules }: ConfigFacts, { useDora }: { useDora: boolean }) => ({
  peft_type: "LORA",
  r: settings.rank,
  lora_alpha: settings.alpha,
  lora_dropout: settings.dropout,
  target_modules: targetsOf(settings.targetModules, modules),
  ...unusedOptions,
  ...selection(settings),
  ...patterns(settings),
  init_lora_weights: startInPeft[settings.initialization],
  use_rslora: settings.rankStabilized,
  use_dora: useDora,
  lora_bias: false,
});

/** PEFT's options of LoRA, DoRA and AdaLoRA that do not affect the result, or allow only one value. */
export function readPlainOptions(members: PeftMembers): void {
  members.only(
    "init_lora_weights",
    plainStarts,
    "PEFT may change the base when it loads such an adapter: save it as plain LoRA there (path_initial_model_for_weight_conversion of save_pretrained)",
  );
  members.ignore(ofStartsAndFlags);
}

/** The settings of LoRA or DoRA. */
export function readLora(
  members: PeftMembers,
  { canLackModules = false } = {},
): Common & { readonly initialization: "Kaiming" } {
  readPlainOptions(members);
  return {
    rank: members.whole("r", 1, 4096),
    alpha: members.positive("lora_alpha"),
    dropout: members.share("lora_dropout"),
    rankStabilized: members.flag("use_rslora"),
    ...readSelection(members, { canLackModules }),
    ...readPatterns(members),
    initialization: "Kaiming",
  };
}

/** The error for a tensor that is not A or B of its layer's rank, or whose partner is missing. */
export function loraFault(
  { key, shape }: StoredShape,
  settings: Parameters<typeof updateOf>[1],
  has: (key: string) => boolean,
) {
  const [, site, side] = /^(.+)\.lora_([AB])\.weight$/.exec(key) ?? [];
  if (site === undefined) return `key ${key} is not a LoRA tensor of a linear layer (….lora_A.weight, ….lora_B.weight)`;
  const { rank } = updateOf(site, settings);
  const [rows, columns] = shape;
  if (shape.length !== 2 || (side === "A" ? rows : columns) !== rank)
    return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank}`;
  const other = `${site}.lora_${side === "A" ? "B" : "A"}.weight`;
  return has(other) ? undefined : `${key} is present, but ${other} is missing`;
}

export const loraPeft: PeftFormat<LoraSettings> = {
  config: (settings, facts) => ({
    ...(isEva(settings)
      ? { ...loraConfig(settings, facts, { useDora: false }), ...patternsOf(settings, facts) }
      : loraConfig(savedSettings(settings), facts, { useDora: false })),
    ...(settings.targetParameters.length > 0 && { target_parameters: [...settings.targetParameters].sort() }),
    ...savedConfig(settings),
    ...trainedRowsConfig(settings.trainableTokens),
  }),
  matches: ({ peft_type, use_dora }) => peft_type === "LORA" && use_dora !== true,
  read: (members) => ({
    kind: "lora",
    ...readTargets(members),
    learningRateRatio: 1,
    loftqIterations: undefined,
    evaRho: undefined,
    evaTau: undefined,
    ...readSaved(members),
    trainableTokens: readTrainedRows(members),
  }),
  fault(tensor, settings, has) {
    const { embedding, head } = tiedTensors;
    const missing = missingRowsFault(settings, (own) => has(peftPrefix + own));
    if (missing !== undefined) return missing;
    const own = tensor.key.startsWith(peftPrefix) ? ownNameOf(tensor.key.slice(peftPrefix.length)) : undefined;
    if (own !== undefined && isTrainedTensor(own, settings)) return expertsFault(tensor);
    if (own !== undefined && isTrainedRowsKey(own)) return trainedRowsKeyFault(tensor, own, settings);
    if (isExpertKey(tensor.key)) return expertKeyFault(tensor, settings, has);
    if (isEmbeddingKey(tensor.key)) return embeddingFault(tensor, settings, has);
    if (repeatedEmbedding(tensor.key, has) !== undefined) return undefined;
    if (own !== head || !repeatsHead(settings)) return loraFault(tensor, settings, has);
    return has(peftPrefix + embedding)
      ? undefined
      : `${tensor.key} is present, but ${peftPrefix}${embedding} is missing`;
  },
  toPeft(parameters, settings) {
    const { embedding, head } = tiedTensors;
    const named = (one: NamedValues, name: string) => ({ ...one, name: peftPrefix + name });
    return fusedExperts(isEva(settings) ? trimmed(parameters) : parameters).flatMap((one) => {
      const expert = expertToPeft(one, settings);
      if (expert !== one) return [named(expert, expert.name)];
      const saved = named(besideBase(turned(one)), peftNameOf(one.name, settings));
      return one.name === embedding && repeatsHead(settings) ? [saved, named(one, head)] : [saved];
    });
  },
  fromPeft(tensors, settings) {
    const named = splitExperts(
      tensors.map((one) => {
        const own = turned({ ...one, name: ownNameOf(one.name.slice(peftPrefix.length)) });
        return isExpertKey(own.name) ? expertFromPeft(own, settings) : own;
      }),
    );
    const own = isEva(settings) ? padded(named, settings) : named;
    return repeatsHead(settings) ? own.filter(({ name }) => name !== tiedTensors.head) : own;
  },
  repeats: (key, has) => repeatedEmbedding(key, has)?.slice(peftPrefix.length),
};

/** As `readLora`; an adapter of experts may have no target modules. */
function readTargets(members: PeftMembers) {
  const targetParameters = members.names("target_parameters");
  return { ...readLora(members, { canLackModules: targetParameters.length > 0 }), targetParameters };
}

const savedConfig = ({ bias, modulesToSave, ensureWeightTying }: Saved) => ({
  bias: biasInPeft[bias],
  modules_to_save: modulesToSave.length === 0 ? null : [...modulesToSave].sort(),
  ...(ensureWeightTying && { ensure_weight_tying: true }),
});

const readSaved = (members: PeftMembers): Saved => ({
  bias: members.choice("bias", biasInPeft, "None"),
  modulesToSave: members.names("modules_to_save"),
  ensureWeightTying: members.flag("ensure_weight_tying"),
});
