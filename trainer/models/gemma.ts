/**
 * Gemma 2 (2024): norms before and after both branches, their weights + 1; embeddings times √d; GeGLU; soft-capped scores
 * and logits; every other layer sees a window. Gemma 3 (2025) norms each head of q and k in place of capping the scores;
 * five of six layers see a window, with a rotary base of their own.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { blocks, type Decoder, embedded, head } from "./decoder.ts";

export const gemma2 = (b: ModelBuilder): Decoder => decoder(b, { headNorms: false, localRope: false });
export const gemma3 = (b: ModelBuilder): Decoder => decoder(b, { headNorms: true, localRope: true });

interface Generation {
  readonly headNorms: boolean;
  /** Sliding layers have a rotary base of their own. */
  readonly localRope: boolean;
}

const norm = (b: ModelBuilder, x: Tensor, name: string): Tensor => b.rmsNorm(x, name, { offset: 1 });

/** The norm of a sum at the end of a branch: that of the last layer (docs/decisions/033-an-adapter-ends-a-branch.md). */
const endNorm = (b: ModelBuilder, name: string) => (sum: Tensor) =>
  norm(b, sum, `model.layers.${b.config.layers - 1}.${name}`);

function decoder(b: ModelBuilder, generation: Generation): Decoder {
  const input = embedded(b, Math.sqrt(b.config.hiddenSize));
  const hidden = blocks(b, input, (layer, h) => block(b, layer, h, generation));
  return { hidden, head: head(b), norm: (rows) => norm(b, rows, "model.norm") };
}

function block(b: ModelBuilder, layer: number, input: Tensor, { headNorms, localRope }: Generation): Tensor {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, attentionBias: bias } = b.config;
  const at = `model.layers.${layer}`;

  const h = norm(b, input, `${at}.input_layernorm`);
  const project = (name: string, count: number) =>
    b.linear(h, `${at}.self_attn.${name}_proj`, count * headDim, { bias });
  const rotated = (name: string, count: number) => {
    const x = project(name, count);
    const normed = headNorms ? b.rmsNorm(x, `${at}.self_attn.${name}_norm`, { width: headDim, offset: 1 }) : x;
    return b.rope(normed, count, layer, { local: localRope });
  };
  const q = rotated("q", heads);
  const k = rotated("k", kvHeads);
  const v = project("v", kvHeads);
  const projected = b.linear(b.attention(`${at}.self_attn`, layer, q, k, v), `${at}.self_attn.o_proj`, d, { bias });
  const attention = b.branch(`${at}.self_attn`, input, projected, endNorm(b, "post_attention_layernorm"));
  const attended = b.add(input, norm(b, attention, `${at}.post_attention_layernorm`));

  const n = norm(b, attended, `${at}.pre_feedforward_layernorm`);
  const gate = b.linear(n, `${at}.mlp.gate_proj`, f);
  const up = b.linear(n, `${at}.mlp.up_proj`, f);
  const projectedDown = b.linear(b.geGlu(gate, up), `${at}.mlp.down_proj`, d);
  const fed = b.branch(`${at}.mlp`, attended, projectedDown, endNorm(b, "post_feedforward_layernorm"));
  return b.add(attended, norm(b, fed, `${at}.post_feedforward_layernorm`));
}
