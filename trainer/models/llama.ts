/**
 * Llama (Touvron et al. 2023): pre-norm blocks of grouped-query attention with RoPE and a SwiGLU feed-forward, RMSNorm.
 * Qwen3 (Yang et al. 2025) is the same with each head of q and k normed before it is turned.
 * Names are the checkpoint's own, so loading, adapter keys and target patterns need no map.
 */
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

export function llama(b: ModelBuilder): Decoder {
  const { vocabSize, hiddenSize: d, layers, tieWordEmbeddings } = b.config;
  const embedding = "model.embed_tokens.weight";
  let hidden = b.embed(embedding, vocabSize, d);
  for (let layer = 0; layer < layers; layer++) hidden = b.block(layer, () => block(b, layer, hidden));
  const head = b.weight(tieWordEmbeddings ? embedding : "lm_head.weight", [vocabSize, d], "dense");
  return { hidden, head, norm: (rows) => b.rmsNorm(rows, "model.norm") };
}

function block(b: ModelBuilder, layer: number, input: Tensor): Tensor {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim } = b.config;
  const at = `model.layers.${layer}`;

  const h = b.rmsNorm(input, `${at}.input_layernorm`);
  const normed = (x: Tensor, name: string) =>
    b.config.family === "qwen3" ? b.rmsNorm(x, `${at}.self_attn.${name}`, headDim) : x;
  const q = b.rope(normed(b.linear(h, `${at}.self_attn.q_proj`, heads * headDim), "q_norm"), heads);
  const k = b.rope(normed(b.linear(h, `${at}.self_attn.k_proj`, kvHeads * headDim), "k_norm"), kvHeads);
  const v = b.linear(h, `${at}.self_attn.v_proj`, kvHeads * headDim);
  const attended = b.linear(b.attention(layer, q, k, v), `${at}.self_attn.o_proj`, d, { residual: input });

  const n = b.rmsNorm(attended, `${at}.post_attention_layernorm`);
  const gate = b.linear(n, `${at}.mlp.gate_proj`, f);
  const up = b.linear(n, `${at}.mlp.up_proj`, f);
  return b.linear(b.swiGlu(gate, up), `${at}.mlp.down_proj`, d, { residual: attended });
}
