/**
 * The types of a GGUF file's tensors. Vectors stay in F32. In llama.cpp's mixes `_M`, matrices in which a rounding does most harm have
 * more bits: the head in Q6_K, and in some layers the values of attention and the feed-forward's last matrix. Pure.
 */
import type { Quantization } from "../contract/exports.ts";
import { type GgufType, ggufTypes } from "../formats/ggufTypes.ts";

interface Mix {
  /** The file's number in `general.file_type`. */
  readonly fileType: number;
  readonly usual: GgufType;
  /** The type of the head, and of `attn_v` and `ffn_down` in some layers. */
  readonly better: GgufType;
  /** The type of a matrix that is q, k and v in one. */
  readonly fused: GgufType;
}

export const mixes: Readonly<Record<Quantization, Mix>> = {
  F16: { fileType: 1, usual: "F16", better: "F16", fused: "F16" },
  BF16: { fileType: 32, usual: "BF16", better: "BF16", fused: "BF16" },
  Q8_0: { fileType: 7, usual: "Q8_0", better: "Q8_0", fused: "Q8_0" },
  Q6_K: { fileType: 18, usual: "Q6_K", better: "Q6_K", fused: "Q6_K" },
  Q5_K_M: { fileType: 17, usual: "Q5_K", better: "Q6_K", fused: "Q6_K" },
  Q4_K_M: { fileType: 15, usual: "Q4_K", better: "Q6_K", fused: "Q5_K" },
};

interface Model {
  readonly layers: number;
  readonly tieWordEmbeddings: boolean;
}

/** Types with smaller blocks, for matrices whose rows are not whole blocks. */
const narrower: readonly GgufType[] = ["Q8_0", "F16"];

/** The type of a tensor, by its name in the file. */
export function typeOf(quantization: Quantization, name: string, shape: readonly number[], model: Model): GgufType {
  const columns = shape.at(-1) ?? 1;
  // A router's choice of experts is never rounded.
  if (shape.length < 2 || name.includes(".ffn_gate_inp.")) return "F32";
  const { usual, better, fused } = mixes[quantization];
  const wanted = isBetter(name, model) ? better : name.includes(".attn_qkv.") ? fused : usual;
  return [wanted, ...narrower].find((type) => columns % ggufTypes[type].block === 0) ?? "F16";
}

function isBetter(name: string, { layers, tieWordEmbeddings }: Model): boolean {
  if (name === (tieWordEmbeddings ? "token_embd.weight" : "output.weight")) return true;
  const [, found] = /^blk\.(\d+)\.(?:attn_v|ffn_down(?:_exps)?)\.weight$/.exec(name) ?? [];
  if (found === undefined) return false;
  const [layer, eighth] = [Number(found), Math.floor(layers / 8)];
  // The first and the last eighth of the layers, and every third between.
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
