/** OLMo 2 (2024): norms after both branches and none before; q and k are normed over all their heads before RoPE. */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { blocks, type Decoder, embedded, head } from "./decoder.ts";

export function olmo2(b: ModelBuilder): Decoder {
  const hidden = blocks(b, embedded(b), (layer, input) => block(b, layer, input));
  return { hidden, head: head(b), norm: (rows) => b.rmsNorm(rows, "model.norm") };
}

/** The norm of a sum at the end of a branch: that of the last layer (docs/decisions/033-an-adapter-ends-a-branch.md). */
const endNorm = (b: ModelBuilder, name: string) => (sum: Tensor) =>
  b.rmsNorm(sum, `model.layers.${b.config.layers - 1}.${name}`);

function block(b: ModelBuilder, layer: number, input: Tensor): Tensor {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, attentionBias: bias } = b.config;
  const at = `model.layers.${layer}`;

  const project = (name: string, count: number) =>
    b.linear(input, `${at}.self_attn.${name}_proj`, count * headDim, { bias });
  const rotated = (name: string, count: number) =>
    b.rope(b.rmsNorm(project(name, count), `${at}.self_attn.${name}_norm`), count, layer);
  const q = rotated("q", heads);
  const k = rotated("k", kvHeads);
  const v = project("v", kvHeads);
  const projected = b.linear(b.attention(`${at}.self_attn`, layer, q, k, v), `${at}.self_attn.o_proj`, d, { bias });
  const attention = b.branch(`${at}.self_attn`, input, projected, endNorm(b, "post_attention_layernorm"));
  const attended = b.add(input, b.rmsNorm(attention, `${at}.post_attention_layernorm`));

  const gate = b.linear(attended, `${at}.mlp.gate_proj`, f);
  const up = b.linear(attended, `${at}.mlp.up_proj`, f);
  const projectedDown = b.linear(b.swiGlu(gate, up), `${at}.mlp.down_proj`, d);
  const fed = b.branch(`${at}.mlp`, attended, projectedDown, endNorm(b, "post_feedforward_layernorm"));
  return b.add(attended, b.rmsNorm(fed, `${at}.post_feedforward_layernorm`));
}
