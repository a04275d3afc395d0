/**
 * Granite 3 (2024): Llama's block, with factors of the embedding, of attention's scores, of both branches' outputs, and a
 * divisor of the logits.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { blocks, type Decoder, embedded, head } from "./decoder.ts";

export function granite(b: ModelBuilder): Decoder {
  const { embedding, residual, logits } = b.config.multipliers ?? { embedding: 1, residual: 1, logits: 1 };
  const input = b.scale(embedded(b), embedding);
  const hidden = blocks(b, input, (layer, h) => block(b, layer, h, residual));
  return { hidden, head: head(b), norm: (rows) => b.scale(b.rmsNorm(rows, "model.norm"), 1 / logits) };
}

function block(b: ModelBuilder, layer: number, input: Tensor, factor: number): Tensor {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, attentionBias: bias, mlpBias } = b.config;
  const at = `model.layers.${layer}`;

  const h = b.rmsNorm(input, `${at}.input_layernorm`);
  const project = (name: string, count: number) =>
    b.linear(h, `${at}.self_attn.${name}_proj`, count * headDim, { bias });
  const q = b.rope(project("q", heads), heads, layer);
  const k = b.rope(project("k", kvHeads), kvHeads, layer);
  const attention = b.attention(`${at}.self_attn`, layer, q, k, project("v", kvHeads));
  const projected = b.linear(attention, `${at}.self_attn.o_proj`, d, { bias });
  const attended = b.add(input, b.scale(b.branch(`${at}.self_attn`, input, projected), factor));

  const n = b.rmsNorm(attended, `${at}.post_attention_layernorm`);
  const gate = b.linear(n, `${at}.mlp.gate_proj`, f, { bias: mlpBias });
  const up = b.linear(n, `${at}.mlp.up_proj`, f, { bias: mlpBias });
  const fed = b.linear(b.swiGlu(gate, up), `${at}.mlp.down_proj`, d, { bias: mlpBias });
  return b.add(attended, b.scale(b.branch(`${at}.mlp`, attended, fed), factor));
}
