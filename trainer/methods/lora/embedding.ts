/**
 * LoRA on an embedding in PEFT's layout: `<module>.lora_embedding_A` (r, V) and `lora_embedding_B` (d, r). Our A is
 * transposed: one row per token. PEFT also saves the embedding itself (`<module>.base_layer.weight`), in case it was
 * resized.
 */

import { transposedTensor } from "../lowRank.ts";
import type { NamedValues, StoredShape } from "../peft.ts";
import { type RankAndScale, updateOf } from "../update.ts";

const side = /^(.+)\.lora_embedding_([AB])$/;
const stored = /^(.+)\.base_layer\.weight$/;

export const isEmbeddingKey = (key: string): boolean => side.test(key);

/** The name of the base's embedding if a key of a file repeats it. */
export function repeatedEmbedding(key: string, has: (key: string) => boolean): string | undefined {
  const [, module] = stored.exec(key) ?? [];
  return module !== undefined && has(`${module}.lora_embedding_A`) ? `${module}.weight` : undefined;
}

/** The error for a tensor that is not A or B of its embedding's rank, or whose partner is missing. */
export function embeddingFault({ key, shape }: StoredShape, settings: RankAndScale, has: (key: string) => boolean) {
  const [, module = "", which] = side.exec(key) ?? [];
  const { rank } = updateOf(module, settings);
  if (shape.length !== 2 || shape[which === "A" ? 0 : 1] !== rank)
    return `${key} has shape [${shape.join(", ")}], which does not fit r = ${rank}`;
  const other = `${module}.lora_embedding_${which === "A" ? "B" : "A"}`;
  return has(other) ? undefined : `${key} is present, but ${other} is missing`;
}

/** Converts our layout to PEFT's and back: A is transposed, everything else is unchanged. */
export const turned = (one: NamedValues): NamedValues =>
  side.exec(one.name)?.[2] === "A" ? transposedTensor(one) : one;
