/**
 * Llama (Touvron et al. 2023): pre-norm blocks of grouped-query attention with RoPE and a SwiGLU feed-forward, RMSNorm.
 * Mistral and Ministral let tokens see a window; Ministral 3 lengthens queries of late positions. Qwen2 (Yang et al. 2024)
 * adds biases to q, k and v; Qwen3 (2025) normalises each head of q and k before RoPE. SmolLM3 (2025) leaves RoPE out of
 * every fourth layer.
 * Names are the checkpoint's own, so loading, adapter keys and target patterns need no map.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { blocks, type Decoder, embedded, head } from "./decoder.ts";

/** The families' additions to Llama's attention. */
interface Additions {
  /** q, k and v have biases whatever the configuration. */
  readonly bias?: boolean;
  readonly headNorms?: boolean;
  /** Queries have angles of their own. */
  readonly query?: boolean;
  /** Attention has a sink for each head. */
  readonly sinks?: boolean;
  /** A mixture of experts in place of the feed-forward, on the normed input of the block named `at`. */
  experts?(b: ModelBuilder, at: string, x: Tensor): Tensor;
}

export const llama = (b: ModelBuilder): Decoder => decoderOf(b, {});
export const ministral3 = (b: ModelBuilder): Decoder => decoderOf(b, { query: true });
export const qwen2 = (b: ModelBuilder): Decoder => decoderOf(b, { bias: true });
export const qwen3 = (b: ModelBuilder): Decoder => decoderOf(b, { headNorms: true });

export function decoderOf(b: ModelBuilder, additions: Additions): Decoder {
  const hidden = blocks(b, embedded(b), (layer, input) => block(b, layer, input, additions));
  return { hidden, head: head(b), norm: (rows) => b.rmsNorm(rows, "model.norm") };
}

function block(
  b: ModelBuilder,
  layer: number,
  input: Tensor,
  { bias: always, headNorms, query, sinks, experts }: Additions,
): Tensor {
  const { hiddenSize: d, heads, kvHeads, headDim, attentionBias } = b.config;
  const at = `model.layers.${layer}`;

  const h = b.rmsNorm(input, `${at}.input_layernorm`);
  const project = (name: string, count: number) =>
    b.linear(h, `${at}.self_attn.${name}_proj`, count * headDim, { bias: always || attentionBias });
  const rotated = (name: string, count: number) => {
    const x = project(name, count);
    const normed = headNorms ? b.rmsNorm(x, `${at}.self_attn.${name}_norm`, { width: headDim }) : x;
    return b.rope(normed, count, layer, { query: query && name === "q" });
  };
  const q = rotated("q", heads);
  const k = rotated("k", kvHeads);
  const v = project("v", kvHeads);
  const attention = b.linear(b.attention(`${at}.self_attn`, layer, q, k, v, { sinks }), `${at}.self_attn.o_proj`, d, {
    bias: attentionBias,
  });
  const attended = b.plus(b.branch(`${at}.self_attn`, input, attention), input);

  const n = b.rmsNorm(attended, `${at}.post_attention_layernorm`);
  const isMixture = experts && !b.config.experts?.denseLayers?.includes(layer);
  const fed = isMixture ? experts(b, at, n) : feedForward(b, at, n);
  return b.plus(b.branch(`${at}.mlp`, attended, fed), attended);
}

function feedForward(b: ModelBuilder, at: string, x: Tensor): Tensor {
  const { hiddenSize: d, intermediateSize: f, mlpBias: bias } = b.config;
  const gate = b.linear(x, `${at}.mlp.gate_proj`, f, { bias });
  const up = b.linear(x, `${at}.mlp.up_proj`, f, { bias });
  return b.linear(b.swiGlu(gate, up), `${at}.mlp.down_proj`, d, { bias });
}
