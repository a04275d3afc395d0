/**
 * Rows of the embedding and of the head that LoRA trains, such as those of new tokens: PEFT's `trainable_token_indices`. A
 * row is replaced by a trained one, so its value in the base does not matter. Where the head is the embedding, both have
 * the trained rows. Pure.
 */
import type { LoraSettings } from "../contract/methods/lora.ts";
import { trainedRowsName } from "../graph/site.ts";
import type { MethodTask, RowRange, TrainedSite } from "./method.ts";
import type { StoredShape } from "./peft.ts";
import type { PeftMembers } from "./peftMembers.ts";
import { isAdapted, isTrainedTensor, type Saved, tiedTensors } from "./savedModules.ts";
import type { Targets } from "./targets.ts";

type TrainedTokens = LoraSettings["trainableTokens"];

const modules = ["embed_tokens", "lm_head"] as const;
const tensors = { embed_tokens: tiedTensors.embedding, lm_head: tiedTensors.head } as const;

/** The trained rows of a tensor of the base. */
export function trainedRowsOf(
  name: string,
  { trainableTokens }: { trainableTokens: TrainedTokens },
): readonly number[] {
  const module = modules.find((one) => tensors[one] === name);
  return (module && trainableTokens[module]) ?? [];
}

/** The error if this model cannot train these rows, with the fix; undefined if it can. */
export function trainedRowsFault(
  settings: Saved & Targets & { readonly trainableTokens: TrainedTokens },
  { model, tensors: known }: Pick<MethodTask, "model" | "tensors">,
): string | undefined {
  const { trainableTokens } = settings;
  if (trainableTokens.lm_head && model.tieWordEmbeddings)
    return "trainableTokens: this model's head is embed_tokens, so its rows are trained with those: remove lm_head";
  for (const name of modules) {
    const [rows, tensor] = [trainableTokens[name], tensors[name]];
    if (!rows) continue;
    const beyond = rows.find((row) => row >= model.vocabSize);
    if (beyond !== undefined)
      return `trainableTokens.${name}: token ${beyond} is beyond the model's ${model.vocabSize} rows: add its text to dataset.addedTokens`;
    const isWhole = known.has(tensor) && isTrainedTensor(tensor, settings);
    const isLowRank = isAdapted(tensor.replace(/\.weight$/, ""), settings, "embedding");
    if (isWhole || isLowRank)
      return `trainableTokens.${name}: ${isWhole ? "modulesToSave" : "targetModules"} trains ${name} already: name it in one of them`;
  }
  return undefined;
}

/** Writes the trained rows in place of the base's. */
export function mergeTrainedRows(
  site: TrainedSite,
  w: Float32Array,
  { first, last }: RowRange,
  trained: readonly number[],
): void {
  const values = site.parameter(trainedRowsName);
  const width = w.length / (last - first);
  for (const [index, row] of trained.entries()) {
    if (row >= first && row < last) w.set(values.subarray(index * width, (index + 1) * width), (row - first) * width);
  }
}

/** PEFT's member: a list for the embedding alone, or lists by module. */
export function trainedRowsConfig({ embed_tokens, lm_head }: TrainedTokens): Readonly<Record<string, unknown>> {
  if (!embed_tokens && !lm_head) return {};
  const both = { ...(embed_tokens && { embed_tokens }), lm_head };
  return { trainable_token_indices: lm_head ? both : embed_tokens };
}

export const readTrainedRows = (members: PeftMembers): TrainedTokens =>
  members.tokens("trainable_token_indices", modules);

export const isTrainedRowsKey = (key: string): boolean => key.endsWith(`.${trainedRowsName}`);

/** The error for an adapter without the rows of its `trainable_token_indices`; `has` knows its tensors by their own names. */
export function missingRowsFault(
  { trainableTokens }: { trainableTokens: TrainedTokens },
  has: (own: string) => boolean,
): string | undefined {
  for (const name of modules) {
    const key = tensors[name].replace(/weight$/, trainedRowsName);
    if (trainableTokens[name] && !has(key)) return `trainable_token_indices names tokens, but ${key} is missing`;
  }
  return undefined;
}

/** The error for a tensor that does not have one row per trained token. */
export function trainedRowsKeyFault(
  { key, shape }: StoredShape,
  own: string,
  settings: { trainableTokens: TrainedTokens },
): string | undefined {
  const { length } = trainedRowsOf(own.replace(trainedRowsName, "weight"), settings);
  if (length === 0) return `key ${key} is not of a layer in trainable_token_indices`;
  return shape.length === 2 && shape[0] === length
    ? undefined
    : `${key} has shape [${shape.join(", ")}], which does not fit the ${length} tokens of trainable_token_indices`;
}
