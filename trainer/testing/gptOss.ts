/** Makes a gpt-oss of a tiny model: random experts, stored in MXFP4 as its checkpoints are, or in BF16 as transformers saves them. */
import { toBfloat16 } from "../formats/bfloat16.ts";
import { dequantizeMxfp4, transposed } from "../formats/coded.ts";
import type { ModelChange, Tensors } from "./changedModel.ts";
import { normal, uniform } from "./opCases.ts";

const experts = 4;
const width = 32;

export const asGptOss =
  (stored: "MXFP4" | "BF16"): ModelChange =>
  (tensors, config) => {
    const { hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads } = config;
    const [d, layers, heads, kvHeads] = [hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads].map(
      Number,
    );
    const headDim = d! / heads!;
    let seed = 100;
    const put = (name: string, ...shape: number[]) => {
      seed += 1;
      const { buffer } = toBfloat16(Float32Array.from(normal(shape, seed, 0.2)));
      tensors.set(name, { dtype: "BF16", shape, data: new Uint8Array(buffer) });
    };
    for (let layer = 0; layer < layers!; layer++) {
      const at = `model.layers.${layer}`;
      for (const part of ["gate", "up", "down"]) tensors.delete(`${at}.mlp.${part}_proj.weight`);
      const biases = { q: heads! * headDim, k: kvHeads! * headDim, v: kvHeads! * headDim, o: d! };
      for (const [part, count] of Object.entries(biases)) put(`${at}.self_attn.${part}_proj.bias`, count);
      put(`${at}.self_attn.sinks`, heads!);
      put(`${at}.mlp.router.weight`, experts, d!);
      put(`${at}.mlp.router.bias`, experts);
      put(`${at}.mlp.experts.gate_up_proj_bias`, experts, 2 * width);
      put(`${at}.mlp.experts.down_proj_bias`, experts, d!);
      putExperts(tensors, `${at}.mlp.experts.gate_up_proj`, [2 * width, d!], stored, layer);
      putExperts(tensors, `${at}.mlp.experts.down_proj`, [d!, width], stored, 50 + layer);
    }
    delete config.rope_theta;
    Object.assign(config, {
      ...{ model_type: "gpt_oss", architectures: ["GptOssForCausalLM"], intermediate_size: width, sliding_window: 8 },
      ...{ num_local_experts: experts, num_experts_per_tok: 2, head_dim: headDim, swiglu_limit: 0.7 },
      ...(stored === "MXFP4" && { quantization_config: { quant_method: "mxfp4" } }),
    });
  };

/** The experts' matrices [out, in] of one layer. */
function putExperts(
  tensors: Tensors,
  name: string,
  [out, columns]: readonly [number, number],
  stored: "MXFP4" | "BF16",
  seed: number,
): void {
  const next = uniform(seed);
  const groups = columns / 32;
  const bytes = (count: number, from: number, below: number) =>
    Uint8Array.from({ length: count }, () => from + Math.floor(next() * (below - from)));
  const blocks = bytes(experts * out * groups * 16, 0, 256);
  const scales = bytes(experts * out * groups, 121, 125);
  if (stored === "MXFP4") {
    tensors.set(`${name}_blocks`, { dtype: "U8", shape: [experts, out, groups, 16], data: blocks });
    tensors.set(`${name}_scales`, { dtype: "U8", shape: [experts, out, groups], data: scales });
    return;
  }
  const size = out * groups;
  const matrices = Array.from({ length: experts }, (_, e) => {
    const part = dequantizeMxfp4(
      blocks.subarray(e * size * 16, (e + 1) * size * 16),
      scales.subarray(e * size, (e + 1) * size),
    );
    return transposed(part, out, columns);
  });
  tensors.set(name, { dtype: "BF16", shape: [experts, columns, out], data: Buffer.concat(matrices) });
}
