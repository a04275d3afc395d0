/**
 * A Llama or Qwen small enough to train in a test: random weights, a byte-level tokenizer without merges (one token per
 * byte) and a ChatML template. It is written in Hugging Face layout, so that tests use the same interface as users.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { toBfloat16 } from "../formats/bfloat16.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";

export interface TinyShape {
  family: "llama" | "mistral" | "qwen2" | "qwen3";
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  /** Default: the heads divide the hidden size. */
  headDim?: number;
  contextLength: number;
  tied: boolean;
  dtype: "F32" | "BF16";
  seed: number;
}

const usual: TinyShape = {
  family: "llama",
  hiddenSize: 64,
  intermediateSize: 128,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  contextLength: 256,
  tied: true,
  dtype: "BF16",
  seed: 1,
};

const specialTokens = ["<|im_start|>", "<|im_end|>", "<|pad|>"];
export const tinyVocabSize = 256 + specialTokens.length;

export const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Writes the model into `directory`. */
export async function writeTinyModel(directory: string, changes: Partial<TinyShape> = {}): Promise<void> {
  const shape = { ...usual, ...changes };
  await mkdir(directory, { recursive: true });
  const put = (name: string, content: string | Uint8Array) => writeFile(path.join(directory, name), content);
  await put("config.json", JSON.stringify(configOf(shape)));
  await put("tokenizer.json", JSON.stringify(tinyTokenizerJson()));
  await put("tokenizer_config.json", JSON.stringify(tinyTokenizerConfig()));
  await put("model.safetensors", encodeSafetensors(tensorsOf(shape)));
}

function configOf(shape: TinyShape) {
  return {
    architectures: [`${shape.family[0]!.toUpperCase()}${shape.family.slice(1)}ForCausalLM`],
    model_type: shape.family,
    vocab_size: tinyVocabSize,
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    max_position_embeddings: shape.contextLength,
    rope_theta: 10000,
    rms_norm_eps: 1e-6,
    hidden_act: "silu",
    tie_word_embeddings: shape.tied,
    ...(shape.family === "mistral" && { sliding_window: null }),
    torch_dtype: shape.dtype === "BF16" ? "bfloat16" : "float32",
  };
}

export function tinyTokenizerConfig() {
  return {
    eos_token: "<|im_end|>",
    pad_token: "<|pad|>",
    chat_template: chatMl,
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}

/** tokenizer.json of a byte-level BPE without merges; `bytes`: those that have a token, by default all. */
export function tinyTokenizerJson(bytes = { first: 0, count: 256 }) {
  const characters = byteCharacters().slice(bytes.first, bytes.first + bytes.count);
  const vocab = Object.fromEntries([...characters, ...specialTokens].map((token, id) => [token, id]));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, index) => ({
      id: bytes.count + index,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: "BPE", dropout: null, unk_token: null, fuse_unk: false, byte_fallback: false, vocab, merges: [] },
  };
}

/** The printable character of each byte in byte-level vocabularies (Radford et al. 2019). */
function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

function tensorsOf(shape: TinyShape): TensorData[] {
  const random = normals(shape.seed);
  const headDim = shape.headDim ?? shape.hiddenSize / shape.heads;
  const { hiddenSize: d, intermediateSize: f } = shape;
  const matrix = (name: string, rows: number, columns: number): TensorData =>
    stored(
      name,
      [rows, columns],
      Float32Array.from({ length: rows * columns }, () => 0.08 * random()),
      shape.dtype,
    );
  const norm = (name: string, width = d): TensorData =>
    stored(name, [width], new Float32Array(width).fill(1), shape.dtype);
  const extras = (at: string) => {
    const widths = { q: shape.heads * headDim, k: shape.kvHeads * headDim, v: shape.kvHeads * headDim };
    if (shape.family === "qwen3") return ["q", "k"].map((name) => norm(`${at}.self_attn.${name}_norm.weight`, headDim));
    if (shape.family !== "qwen2") return [];
    return Object.entries(widths).map(([name, width]) => norm(`${at}.self_attn.${name}_proj.bias`, width));
  };
  const layers = Array.from({ length: shape.layers }, (_, layer) => {
    const at = `model.layers.${layer}`;
    return [
      norm(`${at}.input_layernorm.weight`),
      ...extras(at),
      matrix(`${at}.self_attn.q_proj.weight`, shape.heads * headDim, d),
      matrix(`${at}.self_attn.k_proj.weight`, shape.kvHeads * headDim, d),
      matrix(`${at}.self_attn.v_proj.weight`, shape.kvHeads * headDim, d),
      matrix(`${at}.self_attn.o_proj.weight`, d, shape.heads * headDim),
      norm(`${at}.post_attention_layernorm.weight`),
      matrix(`${at}.mlp.gate_proj.weight`, f, d),
      matrix(`${at}.mlp.up_proj.weight`, f, d),
      matrix(`${at}.mlp.down_proj.weight`, d, f),
    ];
  });
  return [
    matrix("model.embed_tokens.weight", tinyVocabSize, d),
    ...layers.flat(),
    norm("model.norm.weight"),
    ...(shape.tied ? [] : [matrix("lm_head.weight", tinyVocabSize, d)]),
  ];
}

function stored(name: string, shape: number[], values: Float32Array, dtype: "F32" | "BF16"): TensorData {
  const data = dtype === "F32" ? values : toBfloat16(values);
  return { name, dtype, shape, data: new Uint8Array(data.buffer) };
}

/** Standard normal numbers: Box–Muller over a linear congruential generator (Numerical Recipes' constants). */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
