/**
 * The tensors of the base that LoRA trains beside its own: whole modules (`modulesToSave`) and biases. As in PEFT, a name
 * selects the modules whose full names end with it, and everything in them. Pure.
 */
import type { LoraSettings } from "../contract/methods/lora.ts";
import { isNf4 } from "../graph/nf4.ts";
import type { MethodTask } from "./method.ts";
import { isTarget, type Targets, wrappersOf } from "./targets.ts";

export type Saved = Pick<LoraSettings, "bias" | "modulesToSave" | "ensureWeightTying">;

const embedding = "model.embed_tokens.weight";
const head = "lm_head.weight";

/** The module of a tensor: `model.norm` of `model.norm.weight`. */
export const moduleOf = (tensor: string): string => tensor.slice(0, tensor.lastIndexOf("."));

/** Experts have theirs in one tensor, `<name>_bias`. */
export const isBias = (tensor: string): boolean => /[._]bias$/.test(tensor);

/** True if the name of a module, or of a module around it, ends with one of these. */
export function isInModules(tensor: string, modules: readonly string[]): boolean {
  if (modules.length === 0) return false;
  const parts = moduleOf(tensor).split(".");
  return parts.some((_, index) => {
    const around = parts.slice(0, index + 1).join(".");
    return modules.some((name) => around.endsWith(name));
  });
}

/** True if a layer has an adapter; a layer that is trained whole has none. */
export const isAdapted = (site: string, settings: Saved & Targets, kind: "linear" | "embedding" = "linear"): boolean =>
  isTarget(site, settings, kind) && !isInModules(`${site}.weight`, settings.modulesToSave);

/** Router and experts of a mixture are no linear layers, so all-linear does not name them. */
const isOfMixture = (tensor: string): boolean => /\.mlp\.(gate|router|experts)\./.test(tensor);

/** True for the bias of an adapted layer. */
const hasAdapter = (bias: string, settings: Saved & Targets): boolean =>
  !isOfMixture(bias) && isAdapted(moduleOf(bias), settings);

/** Whether this tensor of the base is trained. */
export function isTrainedTensor(tensor: string, settings: Saved & Targets): boolean {
  if (isInModules(tensor, settings.modulesToSave)) return true;
  if (!isBias(tensor)) return false;
  switch (settings.bias) {
    case "None":
      return false;
    case "All":
      return true;
    case "LoraOnly":
      return hasAdapter(tensor, settings);
  }
}

/** The error if this model cannot train them, with the fix; undefined if it can. */
export function savedFault(settings: Saved & Targets, task: MethodTask): string | undefined {
  const { modulesToSave, bias } = settings;
  const { model, sites, storage, isTraining } = task;
  const tensors = [...task.tensors.keys()];
  if (model.tieWordEmbeddings && isInModules(head, modulesToSave))
    return "modulesToSave: this model has no lm_head; its head is embed_tokens: name embed_tokens, and set ensureWeightTying: true";
  const unknown = modulesToSave.find((name) => !tensors.some((tensor) => isInModules(tensor, [name])));
  if (unknown !== undefined) return `modulesToSave: ${JSON.stringify(unknown)} is not a module of this model`;
  const saved = tensors.filter((tensor) => isInModules(tensor, modulesToSave));
  const isExpert = (tensor: string) => tensor.includes(".experts.") && !isBias(tensor);
  const some = saved.filter(isExpert).map(moduleOf);
  const isOfAll = (layer: string) => isInModules(layer.replace(/(\.experts)\..*$/, "$1.weight"), modulesToSave);
  const alone = some.find((layer) => !isOfAll(layer));
  if (alone !== undefined)
    return `modulesToSave: ${alone} trains only with all experts of its layer, which are one module: name experts`;
  const linear = [...sites.filter((site) => saved.includes(`${site}.weight`)), ...some];
  const partly = linear.find((site) => !modulesToSave.some((name) => `.${site}.`.includes(`.${name}.`)));
  if (partly !== undefined) return `modulesToSave: ${partly} matches only a part of a name: write the whole name`;
  const nf4 = linear.find((layer) => isNf4(storage, layer));
  if (nf4 !== undefined)
    return `modulesToSave: ${nf4} is stored in NF4, which cannot be trained: remove it, or use a base in BF16 or F32`;
  if (bias === "All" && saved.some(isBias))
    return `bias: All and modulesToSave both train ${saved.find(isBias)}: set bias: LoraOnly`;
  if (isTraining && bias !== "None" && !tensors.some((tensor) => isBias(tensor) && isTrainedTensor(tensor, settings)))
    return `bias: ${bias} trains nothing, because this model's ${bias === "All" ? "" : "adapted "}layers have no biases: remove it`;
  return tyingFault(settings, task, saved.includes(embedding));
}

function tyingFault({ ensureWeightTying }: Saved, { model, isTraining }: MethodTask, savesEmbedding: boolean) {
  if (!model.tieWordEmbeddings) {
    if (!ensureWeightTying || !isTraining) return undefined;
    return "ensureWeightTying: this model's head is not tied to embed_tokens: remove it";
  }
  if (!savesEmbedding || ensureWeightTying) return undefined;
  return "modulesToSave: this model's head is embed_tokens; PEFT would train a copy for the input only, which a merged model with a tied head cannot store: set ensureWeightTying: true to train both as one matrix";
}

/** PEFT's names of the trained tensors of the base: a layer with an adapter has its own tensors in `base_layer`. */
export function peftNameOf(tensor: string, settings: Saved & Targets & Pick<LoraSettings, "targetParameters">): string {
  if (!isBias(tensor)) return tensor;
  const module = moduleOf(tensor);
  if (hasAdapter(tensor, settings)) return `${module}.base_layer.bias`;
  const wrappers = tensor.includes(".experts.") ? wrappersOf(module, settings) : 0;
  return `${module}${".base_layer".repeat(wrappers)}${tensor.slice(module.length)}`;
}

/** The reverse mapping. */
export const ownNameOf = (name: string): string =>
  name
    .replace(/(\.base_layer)+\.(\w*bias)$/, ".$2")
    // Before transformers 5, Mixtral's modules had the names of its checkpoints.
    .replace(".block_sparse_moe.", ".mlp.")
    .replace(
      /(\.experts\.\d+\.)(w[123])\.weight$/,
      (_, at, part: keyof typeof mixtral) => `${at}${mixtral[part]}.weight`,
    );

const mixtral = { w1: "gate_proj", w3: "up_proj", w2: "down_proj" } as const;

/** True if PEFT's files repeat the trained embedding as its tied head. */
export const repeatsHead = ({ ensureWeightTying, modulesToSave }: Saved): boolean =>
  ensureWeightTying && isInModules(embedding, modulesToSave) && !isInModules(head, modulesToSave);

export const tiedTensors = { embedding, head } as const;
