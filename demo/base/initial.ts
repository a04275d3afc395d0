/**
 * The base model before any training: its shape and its random weights, in Hugging Face's layout. Pure.
 * Weights are Normal(0, 0.02); the two projections of a block that write to the residual stream are scaled by
 * 1/√(2·layers) (Radford et al. 2019), so that the stream's variance does not grow with depth; norms are 1.
 * A tensor's numbers follow from the seed and its name alone.
 */
import { createCipheriv, createHash } from "node:crypto";
import { encodeSafetensors, type TensorData } from "../../trainer/formats/safetensorsWriter.ts";

export const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 4096,
  hidden_size: 256,
  intermediate_size: 768,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  hidden_act: "silu",
  max_position_embeddings: 1024,
  rope_theta: 10000,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.02,
  bos_token_id: null,
  eos_token_id: 1,
  pad_token_id: 2,
  torch_dtype: "float32",
} as const;

export interface TensorShape {
  name: string;
  shape: readonly number[];
  /** Standard deviation; undefined for a norm's weight, which is 1. */
  deviation: number | undefined;
}

const hidden = config.hidden_size;
const keyValues = config.num_key_value_heads * config.head_dim;
const heads = config.num_attention_heads * config.head_dim;
const residualDeviation = config.initializer_range / Math.sqrt(2 * config.num_hidden_layers);

const matrix = (name: string, rows: number, columns: number, deviation: number = config.initializer_range) => ({
  name: `${name}.weight`,
  shape: [rows, columns],
  deviation,
});

const norm = (name: string) => ({ name: `${name}.weight`, shape: [hidden], deviation: undefined });

function blockShapes(index: number): TensorShape[] {
  const block = `model.layers.${index}`;
  return [
    norm(`${block}.input_layernorm`),
    matrix(`${block}.self_attn.q_proj`, heads, hidden),
    matrix(`${block}.self_attn.k_proj`, keyValues, hidden),
    matrix(`${block}.self_attn.v_proj`, keyValues, hidden),
    matrix(`${block}.self_attn.o_proj`, hidden, heads, residualDeviation),
    norm(`${block}.post_attention_layernorm`),
    matrix(`${block}.mlp.gate_proj`, config.intermediate_size, hidden),
    matrix(`${block}.mlp.up_proj`, config.intermediate_size, hidden),
    matrix(`${block}.mlp.down_proj`, hidden, config.intermediate_size, residualDeviation),
  ];
}

/** Every tensor of the model; the output matrix is the embedding (tied), and so not among them. */
export function tensorShapes(): TensorShape[] {
  const blocks = Array.from({ length: config.num_hidden_layers }, (_, index) => blockShapes(index)).flat();
  return [matrix("model.embed_tokens", config.vocab_size, hidden), ...blocks, norm("model.norm")];
}

/** `count` uniform numbers in (0, 1), 53 bits each: AES-128 in counter mode under a key made of `key`. */
function uniforms(key: string, count: number): Float64Array {
  const secret = createHash("sha256").update(key).digest().subarray(0, 16);
  const stream = createCipheriv("aes-128-ctr", secret, Buffer.alloc(16)).update(Buffer.alloc(8 * count));
  return Float64Array.from({ length: count }, (_, i) => (Number(stream.readBigUInt64LE(8 * i) >> 11n) + 0.5) / 2 ** 53);
}

/** `count` numbers of Normal(0, deviation), by Box and Muller's method (1958). */
export function normals(key: string, count: number, deviation: number): Float32Array {
  const uniform = uniforms(key, 2 * Math.ceil(count / 2));
  return Float32Array.from({ length: count }, (_, i) => {
    const pair = i - (i % 2);
    const radius = deviation * Math.sqrt(-2 * Math.log(uniform[pair]!));
    const angle = 2 * Math.PI * uniform[pair + 1]!;
    return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

function initialTensor({ name, shape, deviation }: TensorShape, seed: number): TensorData {
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  const values =
    deviation === undefined ? new Float32Array(count).fill(1) : normals(`${seed}/${name}`, count, deviation);
  return { name, shape, dtype: "F32", data: new Uint8Array(values.buffer) };
}

/** The whole model as the bytes of a model.safetensors in F32. */
export function initialWeights(seed: number): Uint8Array {
  return encodeSafetensors(tensorShapes().map((tensor) => initialTensor(tensor, seed)));
}
