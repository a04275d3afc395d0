/** Rules across LoRA's settings, and of its settings with the rest of a spec. Those that need the checkpoint are in `trainer/methods`. */
import type { Rule } from "../rules.ts";
import { celList } from "../rules.ts";
import type { MethodSpec } from "./declaration.ts";

interface Written {
  readonly rank?: number | undefined;
  readonly dropout?: string | undefined;
  readonly initialization?: string | undefined;
  readonly targetModules?: readonly string[] | undefined;
  readonly targetParameters?: readonly string[] | undefined;
  readonly excludeModules?: readonly string[] | undefined;
  readonly layers?: readonly number[] | undefined;
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  readonly modulesToSave?: readonly string[] | undefined;
  readonly trainableTokens?: { readonly embed_tokens?: unknown; readonly lm_head?: unknown } | undefined;
  readonly loftqIterations?: unknown;
  readonly evaRho?: unknown;
  readonly evaTau?: unknown;
}

/** A setting that has no effect without this initialisation. */
const onlyWith = (field: "loftqIterations" | "evaRho" | "evaTau", start: string): Rule<Written> => ({
  cel: `!has(self.${field}) || (has(self.initialization) && self.initialization == '${start}')`,
  holds: (settings) => settings[field] === undefined || settings.initialization === start,
  message: `${field} has no effect without initialization: ${start}: remove it, or set that initialization`,
  fieldPath: `.${field}`,
});

/** An adapter has a layer or a parameter. */
const adaptsSomething: Rule<Written> = {
  cel: "!has(self.targetModules) || size(self.targetModules) > 0 || (has(self.targetParameters) && size(self.targetParameters) > 0)",
  holds: ({ targetModules, targetParameters = [] }) =>
    targetModules === undefined || targetModules.length > 0 || targetParameters.length > 0,
  message: "targetModules is empty and targetParameters names nothing: name layers, or remove it for all-linear",
  fieldPath: ".targetModules",
};

/** Names of the embedding by its last parts. */
const embeddingNames = ["embed_tokens", "model.embed_tokens"] as const;
const isEmbedding = (name: string): boolean => embeddingNames.some((one) => one === name);
const namesEmbedding = (names: readonly string[]): boolean => names.some(isEmbedding);
const celNamesEmbedding = (field: string): string => `self.${field}.exists(m, m in ${celList(embeddingNames)})`;

/** Whether `modulesToSave` names a module or one around it, by the end of its name. */
const savesModule = (module: string, { modulesToSave = [] }: Written): boolean =>
  around(module).some((one) => modulesToSave.some((name) => one.endsWith(name)));
const celSavesModule = (module: string): string =>
  `(has(self.modulesToSave) && self.modulesToSave.exists(m, ${around(module)
    .map((one) => `'${one}'.endsWith(m)`)
    .join(" || ")}))`;

function around(module: string): string[] {
  const parts = module.split(".");
  return parts.map((_, index) => parts.slice(0, index + 1).join("."));
}

const embedding = "model.embed_tokens";

const adaptsEmbedding = (settings: Written): boolean =>
  namesEmbedding(settings.targetModules ?? []) &&
  !namesEmbedding(settings.excludeModules ?? []) &&
  (settings.layers ?? []).length === 0 &&
  !savesModule(embedding, settings);
const celAdaptsEmbedding = [
  `has(self.targetModules) && ${celNamesEmbedding("targetModules")}`,
  `!(has(self.excludeModules) && ${celNamesEmbedding("excludeModules")})`,
  "!(has(self.layers) && size(self.layers) > 0)",
  `!${celSavesModule(embedding)}`,
].join(" && ");

/** Initialisations that start from what one linear layer has: its matrix, or its inputs. */
const ofLinearLayers = ["PiSSA", "OLoRA", "LoftQ", "EVA"];

const startsAtLinearLayers: Rule<Written> = {
  cel: `!has(self.initialization) || !(self.initialization in ${celList(ofLinearLayers)}) || !(${celAdaptsEmbedding})`,
  holds: (settings) => !ofLinearLayers.includes(settings.initialization ?? "") || !adaptsEmbedding(settings),
  message:
    "initialization PiSSA, OLoRA and LoftQ decompose the matrices of linear layers, and EVA needs their inputs: remove embed_tokens from targetModules, or set another initialization",
  fieldPath: ".targetModules",
};

/** The ranks of `rankPattern` belong to layers that only the checkpoint knows; the plan checks those. */
const orthogonalIsEven: Rule<Written> = {
  cel: `!has(self.initialization) || self.initialization != 'Orthogonal' || (has(self.rankPattern) && size(self.rankPattern) > 0) || (has(self.targetModules) && ${celNamesEmbedding("targetModules")}) || !has(self.rank) || self.rank % 2 == 0`,
  holds: ({ initialization, rankPattern = {}, targetModules = [], rank = 16 }) =>
    initialization !== "Orthogonal" ||
    Object.keys(rankPattern).length > 0 ||
    namesEmbedding(targetModules) ||
    rank % 2 === 0,
  message: "initialization: Orthogonal needs even ranks: change rank, or set another initialization",
  fieldPath: ".rank",
};

const adaptsParameters = ({ targetParameters = [] }: Written): boolean => targetParameters.length > 0;
const celAdaptsParameters = "has(self.targetParameters) && size(self.targetParameters) > 0";

const expertsHaveNoDropout: Rule<Written> = {
  cel: `!(${celAdaptsParameters}) || !has(self.dropout) || double(self.dropout) == 0.0`,
  holds: (settings) => !adaptsParameters(settings) || Number(settings.dropout ?? 0) === 0,
  message:
    "targetParameters: the update of experts is added to their matrices, as in PEFT, so it has no input to drop: set dropout: 0",
  fieldPath: ".dropout",
};

const ofExperts = ["Kaiming", "Gaussian"];

const expertsStartRandomly: Rule<Written> = {
  cel: `!(${celAdaptsParameters}) || !has(self.initialization) || self.initialization in ${celList(ofExperts)}`,
  holds: (settings) => !adaptsParameters(settings) || ofExperts.includes(settings.initialization ?? "Kaiming"),
  message: "targetParameters: experts start by Kaiming or Gaussian, as in PEFT: set one of them as initialization",
  fieldPath: ".initialization",
};

const trainedOnce = (
  module: "embed_tokens" | "lm_head",
  trainedBy: { cel: string; holds: (settings: Written) => boolean },
): Rule<Written> => ({
  cel: `!has(self.trainableTokens) || !has(self.trainableTokens.${module}) || !(${trainedBy.cel})`,
  holds: (settings) => settings.trainableTokens?.[module] === undefined || !trainedBy.holds(settings),
  message: `trainableTokens.${module}: modulesToSave or targetModules trains ${module} already: name it in one of them`,
  fieldPath: `.trainableTokens.${module}`,
});

const savedOrAdapted = {
  cel: `${celSavesModule(embedding)} || (${celAdaptsEmbedding})`,
  holds: (settings: Written) => savesModule(embedding, settings) || adaptsEmbedding(settings),
};
const headSaved = { cel: celSavesModule("lm_head"), holds: (settings: Written) => savesModule("lm_head", settings) };

/** The rules that LoRA shares with DoRA. */
export const lowRankRules = [orthogonalIsEven];

export const loraRules = [
  adaptsSomething,
  onlyWith("loftqIterations", "LoftQ"),
  onlyWith("evaRho", "EVA"),
  onlyWith("evaTau", "EVA"),
  startsAtLinearLayers,
  ...lowRankRules,
  expertsHaveNoDropout,
  expertsStartRandomly,
  trainedOnce("embed_tokens", savedOrAdapted),
  trainedOnce("lm_head", headSaved),
];

const subtracted = ["PiSSA", "OLoRA"];

/** An update that starts as a part of the base's matrices. */
export const subtractsFromPlainBase: Rule<MethodSpec> = {
  cel: `!has(self.baseModel.quantization) || !has(self.method.lora) || !has(self.method.lora.initialization) || !(self.method.lora.initialization in ${celList(subtracted)})`,
  holds: ({ baseModel, method }) =>
    baseModel.quantization === undefined || !subtracted.includes(Object(method.lora).initialization),
  message:
    "method.lora.initialization PiSSA and OLoRA subtract a part from the base's matrices, and the rest would have to be quantised again, which changes the model: use a base in BF16 or F32 (remove quantization), or set another initialization",
  fieldPath: ".baseModel.quantization",
};

/** The same faults in a checkpoint, where the manifest has none. */
export const loraRefusals = {
  embedding: startsAtLinearLayers.message,
  nf4: subtractsFromPlainBase.message,
  dropout: expertsHaveNoDropout.message,
  experts: expertsStartRandomly.message,
} as const;
