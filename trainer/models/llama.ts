/**
 * Llama (Touvron et al. 2023): pre-norm blocks of grouped-query attention with RoPE and a SwiGLU feed-forward, RMSNorm.
 * Qwen2 (Yang et al. 2024) adds biases to q, k and v; Qwen3 (2025) normalises each head of q and k before RoPE.
 * Names are the checkpoint's own, so loading, adapter keys and target patterns need no map.
 */
import type { ModelConfig } from "../contract/model.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";

export interface Decoder {
  /** The last block's output, before the final norm. [tokens, d] */
  readonly hidden: Tensor;
  /** The final norm: maps rows of `hidden` to the head's input. */
  norm(rows: Tensor): Tensor;
  /** The matrix of the head. [V, d] */
  readonly head: Tensor;
}

/** The families' additions to Llama's attention. */
const attentionOf: Record<ModelConfig["family"], { readonly bias: boolean; readonly headNorms: boolean }> = {
  llama: { bias: false, headNorms: false },
  mistral: { bias: false, headNorms: false },
  qwen2: { bias: true, headNorms: false },
  qwen3: { bias: false, headNorms: true },
};

export function llama(b: ModelBuilder): Decoder {
  const { vocabSize, hiddenSize: d, layers, tieWordEmbeddings } = b.config;
  const embedding = "model.embed_tokens.weight";
  let hidden = b.embed(embedding, vocabSize, d);
  for (let layer = 0; layer < layers; layer++) hidden = b.block(layer, () => block(b, layer, hidden));
  const head = b.weight(tieWordEmbeddings ? embedding : "lm_head.weight", [vocabSize, d], "dense");
  return { hidden, head, norm: (rows) => b.rmsNorm(rows, "model.norm") };
}

function block(b: ModelBuilder, layer: number, input: Tensor): Tensor {
  const { family, hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim } = b.config;
  const { bias, headNorms } = attentionOf[family];
  const at = `model.layers.${layer}`;

  const h = b.rmsNorm(input, `${at}.input_layernorm`);
  const project = (name: string, count: number) =>
    b.linear(h, `${at}.self_attn.${name}_proj`, count * headDim, { bias });
  const turned = (name: string, count: number) => {
    const x = project(name, count);
    return b.rope(headNorms ? b.rmsNorm(x, `${at}.self_attn.${name}_norm`, headDim) : x, count);
  };
  const q = turned("q", heads);
  const k = turned("k", kvHeads);
  const v = project("v", kvHeads);
  const attended = b.linear(b.attention(`${at}.self_attn`, layer, q, k, v), `${at}.self_attn.o_proj`, d, {
    residual: input,
  });

  const n = b.rmsNorm(attended, `${at}.post_attention_layernorm`);
  const gate = b.linear(n, `${at}.mlp.gate_proj`, f);
  const up = b.linear(n, `${at}.mlp.up_proj`, f);
  return b.linear(b.swiGlu(gate, up), `${at}.mlp.down_proj`, d, { residual: attended });
}
