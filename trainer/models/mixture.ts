/**
 * Mixtures of experts (Shazeer et al. 2017): a router gives each token to the experts with its highest logits, and the block adds
 * their outputs by the router's weights. Mixtral (Jiang et al. 2024) is Llama's block with experts; Qwen3-MoE (2025) Qwen3's,
 * with usual feed-forwards in some layers. gpt-oss (OpenAI 2025) has sinks in its attention, biases everywhere, and a clamped unit
 * whose gate and up are columns of one matrix. Names are those of transformers 5's modules (`weights/fusedExperts.ts`).
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { decoderOf } from "./llama.ts";
import type { ExpertLayers } from "./mixtures.ts";

export const mixtral = (b: ModelBuilder) => decoderOf(b, { experts: gated });
export const qwen3Moe = (b: ModelBuilder) => decoderOf(b, { headNorms: true, experts: gated });
export const gptOss = (b: ModelBuilder) => decoderOf(b, { sinks: true, experts: clamped });

/** SwiGLU experts. */
function gated(b: ModelBuilder, at: string, x: Tensor): Tensor {
  const { hiddenSize: d, experts } = b.config;
  const names = { router: `${at}.mlp.gate`, experts: `${at}.mlp.experts` };
  return b.mixture(x, names, (layers, rows) => {
    const [gate, up] = layers(rows, "gate_up_proj", experts!.width, ["gate_proj", "up_proj"]);
    const [down] = layers(b.swiGlu(gate!, up!), "down_proj", d, ["down_proj"]);
    return down!;
  });
}

function clamped(b: ModelBuilder, at: string, x: Tensor): Tensor {
  const { hiddenSize: d, experts } = b.config;
  const names = { router: `${at}.mlp.router`, experts: `${at}.mlp.experts` };
  const expert = (layers: ExpertLayers, rows: Tensor) => {
    const [both] = layers(rows, "gate_up_proj", 2 * experts!.width, ["gate_up_proj"]);
    const [down] = layers(b.clampedGlu(both!), "down_proj", d, ["down_proj"]);
    return down!;
  };
  return b.mixture(x, names, expert, { bias: true });
}
