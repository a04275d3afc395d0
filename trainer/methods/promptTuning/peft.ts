/**
 * Prompt tuning in PEFT's layout: one tensor `prompt_embeddings` (n, hidden size). P-tuning's adapters have the same: the
 * encoder's output.
 */
import type { PromptTuningSettings } from "../../contract/methods/promptTuning.ts";
import type { ConfigFacts, NamedValues, PeftFormat } from "../peft.ts";
import { PeftMembers } from "../peftMembers.ts";

/** The parameter's name beside the embedding's. */
export const promptParameter = "prompt_embeddings";
const site = "model.embed_tokens";
const tensor = "prompt_embeddings";

const widthOf = (members: PeftMembers) => members.whole("token_dim", 1, 1_048_576);

/** The members of every configuration of a prompt. */
export const promptConfig = ({ virtualTokens }: { virtualTokens: number }, { model }: Pick<ConfigFacts, "model">) => ({
  num_virtual_tokens: virtualTokens,
  token_dim: model.hiddenSize,
  num_transformer_submodules: 1,
  num_attention_heads: model.heads,
  num_layers: model.layers,
});

export const savedPrompt = ({ shape, values }: Omit<NamedValues, "name">): NamedValues[] => [
  { name: tensor, shape, values },
];

export const loadedPrompt = (tensors: readonly NamedValues[]): NamedValues[] =>
  tensors.map((one) => ({ ...one, name: `${site}.${promptParameter}` }));

export const promptTuningPeft: PeftFormat<PromptTuningSettings> = {
  config: (settings, facts) => ({
    peft_type: "PROMPT_TUNING",
    ...promptConfig(settings, facts),
    // PEFT reads a tokenizer for TEXT although the trained embeddings replace the first ones.
    prompt_tuning_init: "RANDOM",
    prompt_tuning_init_text: null,
    tokenizer_name_or_path: null,
  }),
  matches: ({ peft_type }) => peft_type === "PROMPT_TUNING" || peft_type === "P_TUNING",
  read(members) {
    widthOf(members);
    members.only("num_transformer_submodules", [1]);
    members.ignore(["num_attention_heads", "num_layers", "prompt_tuning_init", "prompt_tuning_init_text"]);
    members.ignore(["tokenizer_name_or_path", "tokenizer_kwargs"]);
    members.ignore(["encoder_reparameterization_type", "encoder_hidden_size", "encoder_num_layers", "encoder_dropout"]);
    const virtualTokens = members.whole("num_virtual_tokens", 1, 65_536);
    return { kind: "promptTuning", virtualTokens, initialText: undefined };
  },
  fault({ key, shape }, { virtualTokens }, _has, config) {
    if (key !== tensor) return `key ${key} is not ${tensor}, the only tensor of a prompt`;
    const expected = [virtualTokens, widthOf(new PeftMembers(config))];
    if (shape.join() === expected.join()) return undefined;
    return `${key} has shape [${shape.join(", ")}], but the configuration implies [${expected.join(", ")}]`;
  },
  toPeft: (parameters) => parameters.flatMap(savedPrompt),
  fromPeft: loadedPrompt,
};
