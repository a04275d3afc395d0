/**
 * Mixtures of experts (Shazeer et al. 2017): a router gives each token to the experts with its highest logits, and the block adds
 * their outputs by the router's weights. Mixtral (Jiang et al. 2024) is Llama's block with experts; Qwen3-MoE (2025) Qwen3's,
 * with usual feed-forwards in some layers. gpt-oss (OpenAI 2025) has sinks in its attention, biases everywhere, and a clamped unit
 * whose gate and up are columns of one matrix.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ModelBuilder } from "./builder.ts";
import { decoderOf } from "./llama.ts";

/** The checkpoint's names of an expert's matrices. */
interface ExpertNames {
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}
const mixtralNames: ExpertNames = { gate: "w1", up: "w3", down: "w2" };
const qwenNames: ExpertNames = { gate: "gate_proj", up: "up_proj", down: "down_proj" };

/** SwiGLU experts in the module `part` of a block. */
const gated =
  (part: string, { gate, up, down }: ExpertNames) =>
  (b: ModelBuilder, at: string, x: Tensor) => {
    const width = b.config.experts!.width;
    return b.mixture(x, { router: `${at}.${part}.gate`, experts: `${at}.${part}.experts` }, (layer, rows) =>
      layer(b.swiGlu(layer(rows, gate, width), layer(rows, up, width)), down, b.config.hiddenSize),
    );
  };

export const mixtral = (b: ModelBuilder) => decoderOf(b, { experts: gated("block_sparse_moe", mixtralNames) });
export const qwen3Moe = (b: ModelBuilder) => decoderOf(b, { headNorms: true, experts: gated("mlp", qwenNames) });
export const gptOss = (b: ModelBuilder) => decoderOf(b, { sinks: true, experts: clamped });

function clamped(b: ModelBuilder, at: string, x: Tensor): Tensor {
  const { hiddenSize: d, experts } = b.config;
  const names = { router: `${at}.mlp.router`, experts: `${at}.mlp.experts` };
  return b.mixture(
    x,
    names,
    (layer, rows) => layer(b.clampedGlu(layer(rows, "gate_up_proj", 2 * experts!.width)), "down_proj", d),
    { bias: true },
  );
}
