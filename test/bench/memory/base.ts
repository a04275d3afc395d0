/** Writes a base model of a given shape: random weights, a byte-level tokenizer with random merges, a ChatML template. */
import { once } from "node:events";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { toBfloat16 } from "../../../trainer/formats/bfloat16.ts";
import { byName, encodeHeader, type TensorFacts } from "../../../trainer/formats/safetensorsWriter.ts";
import { tinyTokenizerConfig, tinyTokenizerJson, tinyVocabSize } from "../../../trainer/testing/tinyModel.ts";
import type { BaseShape } from "./shapes.ts";

export async function writeBase(directory: string, shape: BaseShape): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const put = (name: string, content: unknown) => writeFileSync(path.join(directory, name), JSON.stringify(content));
  put("config.json", configOf(shape));
  put("tokenizer.json", tokenizerJson(shape.vocabulary));
  put("tokenizer_config.json", tinyTokenizerConfig());
  const facts = tensorsOf(shape).toSorted(byName);
  const file = createWriteStream(path.join(directory, "model.safetensors"));
  file.write(headerOf(facts, shape));
  for (const tensor of facts) {
    const values = valuesOf(tensor);
    const stored = shape.dtype === "F32" ? values : toBfloat16(values);
    const free = file.write(new Uint8Array(stored.buffer));
    if (!free) await once(file, "drain");
  }
  file.end();
  await finished(file);
}

/** Our files start tensors at multiples of 64 bytes; foreign files may not. */
function headerOf(facts: readonly TensorFacts[], { unaligned = false }: BaseShape): Uint8Array {
  const header = encodeHeader(facts, { format: "pt" });
  if (!unaligned) return header;
  const longer = Buffer.concat([header, Buffer.from("        ")]);
  longer.writeBigUInt64LE(BigInt(longer.length - 8), 0);
  return longer;
}

const configOf = ({ vocabulary, hidden, intermediate, layers, heads, dtype }: BaseShape) => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads / 2,
  max_position_embeddings: 4096,
  rope_theta: 10_000,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: dtype === "BF16" ? "bfloat16" : "float32",
});

function tensorsOf({ vocabulary, hidden, intermediate, layers, dtype }: BaseShape): TensorFacts[] {
  const tensor = (name: string, ...shape: number[]): TensorFacts => ({ name: `model.${name}.weight`, dtype, shape });
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const at = `layers.${layer}`;
    return [
      tensor(`${at}.input_layernorm`, hidden),
      tensor(`${at}.self_attn.q_proj`, hidden, hidden),
      tensor(`${at}.self_attn.k_proj`, hidden / 2, hidden),
      tensor(`${at}.self_attn.v_proj`, hidden / 2, hidden),
      tensor(`${at}.self_attn.o_proj`, hidden, hidden),
      tensor(`${at}.post_attention_layernorm`, hidden),
      tensor(`${at}.mlp.gate_proj`, intermediate, hidden),
      tensor(`${at}.mlp.up_proj`, intermediate, hidden),
      tensor(`${at}.mlp.down_proj`, hidden, intermediate),
    ];
  });
  return [tensor("embed_tokens", vocabulary, hidden), ...blocks.flat(), tensor("norm", hidden)];
}

/** Norms near 1, matrices near 0. */
function valuesOf({ shape }: TensorFacts): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  let state = values.length;
  for (let index = 0; index < values.length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = shape.length === 1 ? 1 : (state / 2 ** 32 - 0.5) * 0.06;
  }
  return values;
}

/** A vocabulary of the given size: bytes, special tokens, and merges of earlier entries, chosen by a fixed rule. */
function tokenizerJson(vocabulary: number) {
  const tiny = tinyTokenizerJson();
  const tokens = Object.keys(tiny.model.vocab).slice(0, 256);
  const vocab: Record<string, number> = { ...tiny.model.vocab };
  const merges: string[] = [];
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return tokens[state % Math.min(tokens.length, 6000)] ?? "a";
  };
  for (let size = tinyVocabSize; size < vocabulary; ) {
    const [left, right] = [draw(), draw()];
    if (left.length + right.length > 16 || Object.hasOwn(vocab, left + right)) continue;
    vocab[left + right] = size;
    merges.push(`${left} ${right}`);
    tokens.push(left + right);
    size += 1;
  }
  return { ...tiny, model: { ...tiny.model, vocab, merges } };
}
