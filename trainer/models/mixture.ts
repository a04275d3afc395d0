/**
 * Mixtures of experts (Shazeer et al. 2017): a router gives each token to the experts with its highest logits, and the block adds
 * their outputs by the router's weights. Mixtral (Jiang et al. 2024) is Llama's block with experts; Qwen3-MoE (2025) Qwen3's,
 * with usual feed-forwards in some layers.
 */
import type { Tensor } from "../graph/tensor.ts";
import type { ExpertNames, ModelBuilder } from "./builder.ts";
import { decoderOf } from "./llama.ts";

/** The checkpoint's names of an expert's matrices. */
const mixtralNames: ExpertNames = { gate: "w1", up: "w3", down: "w2" };
const qwenNames: ExpertNames = { gate: "gate_proj", up: "up_proj", down: "down_proj" };

const fed = (part: string, names: ExpertNames) => (b: ModelBuilder, at: string, x: Tensor) =>
  b.experts(x, `${at}.${part}`, names);

export const mixtral = (b: ModelBuilder) => decoderOf(b, { experts: fed("block_sparse_moe", mixtralNames) });
export const qwen3Moe = (b: ModelBuilder) => decoderOf(b, { headNorms: true, experts: fed("mlp", qwenNames) });
