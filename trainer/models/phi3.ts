/**
 * Phi-3, 3.5 and 4-mini (Abdin et al. 2024): Llama's block with one matrix for q, k and v and one for gate and up; heads may
 * be rotated in part, by LongRoPE.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { blocks, type Decoder, embedded, head } from "./decoder.ts";

export function phi3(b: ModelBuilder): Decoder {
  const hidden = blocks(b, embedded(b), (layer, input) => block(b, layer, input));
  return { hidden, head: head(b), norm: (rows) => b.rmsNorm(rows, "model.norm") };
}

function block(b: ModelBuilder, layer: number, input: Tensor): Tensor {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim } = b.config;
  const at = `model.layers.${layer}`;

  const h = b.rmsNorm(input, `${at}.input_layernorm`);
  const qkv = b.linear(h, `${at}.self_attn.qkv_proj`, (heads + 2 * kvHeads) * headDim);
  const [q, k, v] = b.split(qkv, [heads * headDim, kvHeads * headDim, kvHeads * headDim]);
  const rotated = b.rope(q!, heads, layer);
  const attention = b.attention(`${at}.self_attn`, layer, rotated, b.rope(k!, kvHeads, layer), v!);
  const projected = b.linear(attention, `${at}.self_attn.o_proj`, d);
  const attended = b.plus(b.branch(`${at}.self_attn`, input, projected), input);

  const n = b.rmsNorm(attended, `${at}.post_attention_layernorm`);
  const [gate, up] = b.split(b.linear(n, `${at}.mlp.gate_up_proj`, 2 * f), [f, f]);
  const fed = b.linear(b.swiGlu(gate!, up!), `${at}.mlp.down_proj`, d);
  return b.plus(b.branch(`${at}.mlp`, attended, fed), attended);
}
