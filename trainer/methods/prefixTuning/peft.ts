/**
 * Prefix tuning in PEFT's layout: one tensor `prompt_embeddings` (n, 2·layers·width) with each layer's keys, then its
 * values, head by head.
 */
import type { PrefixTuningSettings } from "../../contract/methods/prefixTuning.ts";
import type { NamedValues, PeftFormat } from "../peft.ts";
import { PeftMembers } from "../peftMembers.ts";

const tensor = "prompt_embeddings";
const parts = ["keys", "values"] as const;

/** The layout of the tensor's columns. */
const columnsOf = (members: PeftMembers) => ({
  layers: members.whole("num_layers", 1, 512),
  width: members.whole("token_dim", 1, 1_048_576),
});

export const prefixTuningPeft: PeftFormat<PrefixTuningSettings> = {
  config: ({ virtualTokens }, { model }) => ({
    peft_type: "PREFIX_TUNING",
    num_virtual_tokens: virtualTokens,
    token_dim: model.kvHeads * model.headDim,
    num_transformer_submodules: 1,
    num_attention_heads: model.kvHeads,
    num_layers: model.layers,
    encoder_hidden_size: model.kvHeads * model.headDim,
    prefix_projection: false,
    init_weights: null,
  }),
  matches: ({ peft_type }) => peft_type === "PREFIX_TUNING",
  read(members) {
    columnsOf(members);
    members.only("num_transformer_submodules", [1]);
    members.only("prefix_projection", [false]);
    members.ignore(["encoder_hidden_size", "num_attention_heads", "init_weights"]);
    return { kind: "prefixTuning", virtualTokens: members.whole("num_virtual_tokens", 1, 65_536) };
  },
  fault({ key, shape }, { virtualTokens }, _has, config) {
    if (key !== tensor) return `key ${key} is not ${tensor}, the only tensor of prefix tuning`;
    const { layers, width } = columnsOf(new PeftMembers(config));
    const expected = [virtualTokens, 2 * layers * width];
    if (shape.join() === expected.join()) return undefined;
    return `${key} has shape [${shape.join(", ")}], but the configuration implies [${expected.join(", ")}]`;
  },
  toPeft(parameters) {
    const [rows = 0, width = 0] = parameters[0]?.shape ?? [];
    const values = new Float32Array(rows * width * parameters.length);
    for (const [block, parameter] of parameters.entries()) {
      for (let row = 0; row < rows; row++) {
        const from = parameter.values.subarray(row * width, (row + 1) * width);
        values.set(from, (row * parameters.length + block) * width);
      }
    }
    return [{ name: tensor, shape: [rows, width * parameters.length], values }];
  },
  fromPeft(tensors, _settings, config) {
    const { layers, width } = columnsOf(new PeftMembers(config));
    const whole = tensors[0];
    if (!whole) return [];
    const rows = whole.shape[0] ?? 0;
    return Array.from({ length: 2 * layers }, (_, block): NamedValues => {
      const values = new Float32Array(rows * width);
      for (let row = 0; row < rows; row++) {
        const start = (row * 2 * layers + block) * width;
        values.set(whole.values.subarray(start, start + width), row * width);
      }
      const name = `model.layers.${block >> 1}.self_attn.prefix.${parts[block % 2]}`;
      return { name, shape: [rows, width], values };
    });
  },
};
