/** The parts of a family's model: the last block's output, the final norm, and the head. */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";

export interface Decoder {
  /** The last block's output, before the final norm. [tokens, d] */
  readonly hidden: Tensor;
  /** The final norm: any rows of `hidden` → what the head reads. */
  norm(rows: Tensor): Tensor;
  /** The matrix of the head. [V, d] */
  readonly head: Tensor;
}

/** The embedding of the tokens, times `factor`, with noise where a training has it. [tokens, d] */
export function embedded(b: ModelBuilder, factor = 1): Tensor {
  return b.noisy(b.embed(embedding, b.config.vocabSize, b.config.hiddenSize, factor));
}

/** Blocks one after another. */
export function blocks(b: ModelBuilder, input: Tensor, block: (layer: number, input: Tensor) => Tensor): Tensor {
  let hidden = input;
  for (let layer = 0; layer < b.config.layers; layer++) hidden = b.block(layer, () => block(layer, hidden));
  return hidden;
}

/** The head's own matrix, or the embedding's. */
export function head(b: ModelBuilder): Tensor {
  const { tieWordEmbeddings, vocabSize, hiddenSize } = b.config;
  return b.table(tieWordEmbeddings ? embedding : "lm_head.weight", vocabSize, hiddenSize);
}

const embedding = "model.embed_tokens.weight";
