/**
 * Maps a checkpoint's tensors to the trainer's names and checks them against config.json: the result has exactly the
 * tensors that the configuration promises, with their shapes. Checkpoints are read as transformers 5 reads them:
 * buffers are skipped, a model saved without its head gets `model.`, a tied matrix may be saved under either name.
 * Tensors that transformers would replace by random numbers or ignore are refused.
 */
import { invalid, type StageFailure } from "../contract/failure.ts";
import { familyRules } from "../contract/families.ts";
import type { ModelConfig } from "../contract/model.ts";
import { type InBitsandbytes, isSkipped, type StoredQuantization } from "../contract/storedQuantization.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { absmaxName, nestedAbsmaxName, nf4Parts } from "../graph/nf4.ts";
import { bitsandbytesFault, bitsandbytesNames, isBitsandbytes } from "./bitsandbytes.ts";
import { storedName, withExperts, writtenTensors } from "./fusedExperts.ts";
import { ownName } from "./languageModel.ts";

type Table = ReadonlyMap<string, PlacedTensor>;
/** The tensors that a configuration promises: shapes by name. */
export type Promised = ReadonlyMap<string, readonly number[]>;

export interface CheckpointFacts {
  config: ModelConfig;
  promised: Promised;
  /** The linear layers, which alone may be quantised. */
  linear: ReadonlySet<string>;
  /** How config.json says that they are stored. */
  quantization: StoredQuantization | undefined;
  /** Whether two tensors of one size hold the same bytes. */
  sameBytes: (a: PlacedTensor, b: PlacedTensor) => Promise<boolean>;
}

const prefix = "model.";
const head = "lm_head.weight";
const embedding = "model.embed_tokens.weight";

/** Tables and masks that older versions saved with the weights; they are computed from config.json. */
const buffer =
  /(^|\.)(rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)|position_ids|masked_bias|attn\.bias|causal_mask)$/;
export const isBuffer = (name: string): boolean => buffer.test(name);

/** Tensor names of quantised checkpoints of all programs. */
const quantized =
  /\.(quant_map|nested_quant_map|quant_state\.[^.]+|qweight|qzeros|g_idx|SCB|weight_format|weight_scale(_inv)?|weight_packed|weight_shape)$/;

/** Throws a failure that names the first tensor that differs from the promise, and the fix. */
export async function modelTensors(stored: Table, facts: CheckpointFacts): Promise<Table> {
  const all = new Map([...stored].filter(([name]) => !isBuffer(name)));
  const weights = facts.config.wrapped ? languageModel(all) : all;
  const named = withExperts(withPrefix(weights), facts.config, facts.quantization?.method === "mxfp4");
  const table = facts.config.tieWordEmbeddings ? await tied(named, facts) : named;
  const fault = faultOf(table, facts);
  if (fault !== undefined) throw fault;
  return table;
}

/** The tensors of the language model by its own names; those of a base that prepare wrote have them already. */
export function languageModel(table: Table): Table {
  if (![...table.keys()].some((name) => ownName(name) !== undefined && name !== head)) return table;
  const own = [...table.values()].filter(({ name }) => ownName(name) !== undefined);
  return renamed(new Map(own.map((tensor) => [tensor.name, tensor])), (name) => ownName(name)!);
}

/** The full names of a model that was saved without its head's class. */
function withPrefix(table: Table): Table {
  const isBare =
    table.has(embedding.slice(prefix.length)) && ![...table.keys()].some((name) => name.startsWith(prefix));
  if (!isBare) return table;
  return renamed(table, (name) => (name === head ? name : `${prefix}${name}`));
}

function renamed(table: Table, nameOf: (name: string) => string): Table {
  return new Map([...table.values()].map((tensor) => [nameOf(tensor.name), { ...tensor, name: nameOf(tensor.name) }]));
}

/** Merges embedding and head into one matrix, under the embedding's name. */
async function tied(table: Table, { sameBytes }: CheckpointFacts): Promise<Table> {
  const [input, output] = [table.get(embedding), table.get(head)];
  if (output === undefined) return table;
  if (input === undefined) return renamed(table, (name) => (name === head ? embedding : name));
  const same =
    input.dtype === output.dtype && shapeText(input) === shapeText(output) && (await sameBytes(input, output));
  if (!same) {
    throw mismatch(
      `${described(output)} differs from ${described(input)}, but config.json has tie_word_embeddings true: ` +
        "programs differ in which of the two they use; set tie_word_embeddings to false to keep both, or remove lm_head.weight",
    );
  }
  return new Map([...table].filter(([name]) => name !== head));
}

function faultOf(table: Table, facts: CheckpointFacts): StageFailure | undefined {
  const { promised } = facts;
  const quantization = facts.quantization?.method === "bitsandbytes" ? facts.quantization : undefined;
  const inNf4 = quantization ? [...table.keys()].filter((name) => isBitsandbytes(name, table)) : [];
  const parts = new Set(inNf4.flatMap(bitsandbytesNames));
  const packed = [...table.values()].find(({ name }) => quantized.test(name) && !parts.has(name));
  if (packed) {
    return mismatch(
      `${described(packed)} belongs to weights that are already quantised, ${quantization ? "but not in bitsandbytes' NF4" : "but config.json has no quantization_config"}: ` +
        "use the original weights, and set baseModel.quantization to quantise them",
    );
  }
  const outside = inNf4.find((name) => !facts.linear.has(layerIn(name)));
  if (outside !== undefined) {
    return mismatch(
      `${outside} is stored in NF4, and only the linear layers of the blocks may be: quantise the model with ${layerIn(outside)} in llm_int8_skip_modules`,
    );
  }
  for (const [name, shape] of promised) {
    const tensor = table.get(name);
    if (tensor === undefined) return missing(name, table, facts);
    // Versions of transformers differ in whether they quantise experts.
    const isOptional = name.includes(".experts.") && !isBitsandbytes(name, table);
    if (quantization && facts.linear.has(layerIn(name)) && !isOptional) {
      const fault = nf4Fault(name, shape, table, quantization, storedName(name, facts.config.family));
      if (fault !== undefined) return mismatch(fault);
      if (parts.has(absmaxName(name))) continue;
    }
    const expected = table.has(absmaxName(name)) ? nf4Shape(name, shape, table) : shape;
    if (`[${expected.join(", ")}]` !== shapeText(tensor))
      return misshapen({ ...tensor, name: storedName(name, facts.config.family) }, expected);
  }
  const known = new Set([
    ...[...promised.keys()].flatMap((name) => [name, absmaxName(name), nestedAbsmaxName(name)]),
    ...parts,
  ]);
  const more = [...table.values()].find(({ name }) => !known.has(name));
  return more && surplus(more, facts);
}

const layerIn = (tensor: string): string => tensor.replace(/\.weight$/, "");

/** The fault of a linear layer of a quantised model: it is stored as config.json says, in parts that fit. */
function nf4Fault(
  name: string,
  shape: readonly number[],
  table: Table,
  quantization: InBitsandbytes,
  stored: string,
): string | undefined {
  const isKept = [name, stored].some((one) => isSkipped(quantization, layerIn(one)));
  if (isBitsandbytes(name, table)) {
    if (!isKept) return bitsandbytesFault(name, shape, table);
    return `${name} is stored in NF4, but quantization_config.llm_int8_skip_modules names it: remove it there`;
  }
  if (isKept) return undefined;
  return `${name} is not quantised, and programs would quantise it on loading, since quantization_config does not skip it: add ${layerIn(name)} to llm_int8_skip_modules`;
}

const nf4Shape = (name: string, shape: readonly number[], table: Table): readonly number[] =>
  nf4Parts(name, shape, table.has(nestedAbsmaxName(name)))[0]!.shape;

const shapeText = ({ shape }: Pick<PlacedTensor, "shape">) => `[${shape.join(", ")}]`;
const described = (tensor: Pick<PlacedTensor, "name" | "shape">) => `${tensor.name} ${shapeText(tensor)}`;
const mismatch = (what: string) => invalid("BaseModelMismatch", `the base model does not fit its config.json: ${what}`);

const layerOf = (name: string): number | undefined => {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(name) ?? [];
  return layer === undefined ? undefined : Number(layer);
};

function missing(name: string, table: Table, { config, promised }: CheckpointFacts): StageFailure {
  const layerPromised = writtenTensors(
    [...promised].map(([one, own]) => ({ name: one, shape: own })),
    config,
  ).find(({ parts }) => parts.some((part) => part.name === name))!;
  const promise = `config.json promises ${described(layerPromised)}${fieldsOf(name)}`;
  const wrapped = [...table.values()].find((tensor) => tensor.name.endsWith(`.${name}`));
  if (wrapped) {
    const before = wrapped.name.slice(0, -name.length);
    const way = before.startsWith("base_model.")
      ? "PEFT saved the model that it wraps: merge the adapter (merge_and_unload) and save the model itself"
      : "save the model itself and not what wraps it, or rename its tensors";
    return mismatch(`${described(wrapped)} begins with ${JSON.stringify(before)}, and ${promise}; ${way}`);
  }
  const fused = [...table.values()].find((tensor) => /\.experts\.(gate_up_proj|down_proj)$/.test(tensor.name));
  if (fused && name.includes(".experts.") && !familyRules[config.family].fusesExperts) {
    return mismatch(
      `${described(fused)} holds all experts in one tensor, and ${promise}; save the model with save_pretrained, which writes a tensor for each expert`,
    );
  }
  const layers = 1 + Math.max(-1, ...[...table.keys()].map((one) => layerOf(one) ?? -1));
  const layer = layerOf(name);
  if (layer !== undefined && layers > 0 && layer >= layers) {
    const count = `num_hidden_layers ${config.layers}, and the weights have ${layers} layer${layers === 1 ? "" : "s"}`;
    return mismatch(`${promise} and the weights have none: ${count}; ${sameModel("num_hidden_layers")}`);
  }
  if (name === head) {
    return mismatch(
      `${promise} with tie_word_embeddings false, and the weights have none: set tie_word_embeddings to true if the ` +
        "head is the embedding, else take the weights with their head",
    );
  }
  const [first] = table.values();
  const found = first ? `the weights begin with ${described(first)}` : "the weights are empty";
  return mismatch(`${promise}, and the weights have none (${found}); ${sameModel()}`);
}

function misshapen(tensor: PlacedTensor, shape: readonly number[]): StageFailure {
  const promise = `config.json promises ${shapeText({ shape })}${fieldsOf(tensor.name)}`;
  return mismatch(`${tensor.name} has shape ${shapeText(tensor)}, and ${promise}; ${sameModel()}`);
}

function surplus(tensor: PlacedTensor, { config }: CheckpointFacts): StageFailure {
  const layer = layerOf(tensor.name);
  if (layer !== undefined && layer >= config.layers) {
    return mismatch(
      `${described(tensor)} is beyond num_hidden_layers ${config.layers} of config.json; ${sameModel("num_hidden_layers")}`,
    );
  }
  const way = /\.lora_[AB]\b/.test(tensor.name)
    ? "merge the adapter (merge_and_unload) and save the model itself"
    : `${sameModel()}, or remove the tensor if it does not belong to the model`;
  return mismatch(`the weights have ${described(tensor)}, which config.json does not promise; ${way}`);
}

const sameModel = (field = "config.json") => `correct ${field}, or take config.json and weights of one model`;

const attention = { q: "num_attention_heads", k: "num_key_value_heads", v: "num_key_value_heads" };
/** The fields of config.json that determine a tensor's dimensions, by the end of its name. */
const fields: readonly (readonly [RegExp, string])[] = [
  [/(embed_tokens|lm_head)\.weight$/, "vocab_size, hidden_size"],
  ...Object.entries(attention).flatMap(([name, heads]) => [
    [new RegExp(`\\.${name}_proj\\.weight$`), `${heads} · head_dim, hidden_size`] as const,
    [new RegExp(`\\.${name}_proj\\.bias$`), `${heads} · head_dim`] as const,
  ]),
  [/\.experts\.(\d+\.)?gate_up_proj(\.weight|_bias)$/, "the number of experts, intermediate_size, hidden_size"],
  [/\.experts\.(\d+\.)?down_proj_bias$/, "the number of experts, hidden_size"],
  [/\.sinks$/, "num_attention_heads"],
  [/\.router\.(weight|bias)$/, "the number of experts, hidden_size"],
  [/\.experts\.\d+\.(gate_proj|up_proj)\.weight$/, "the width of an expert, hidden_size"],
  [/\.experts\.\d+\.down_proj\.weight$/, "hidden_size, the width of an expert"],
  [/\.gate\.weight$/, "the number of experts, hidden_size"],
  [/\.(o|down)_proj\.bias$/, "hidden_size"],
  [/\.(gate|up)_proj\.bias$/, "intermediate_size"],
  [/\.qkv_proj\.weight$/, "(num_attention_heads + 2 · num_key_value_heads) · head_dim, hidden_size"],
  [/\.gate_up_proj\.weight$/, "2 · intermediate_size, hidden_size"],
  [/\.o_proj\.weight$/, "hidden_size, num_attention_heads · head_dim"],
  [/\.(gate|up)_proj\.weight$/, "intermediate_size, hidden_size"],
  [/\.down_proj\.weight$/, "hidden_size, intermediate_size"],
  [/\.[qk]_norm\.weight$/, "head_dim"],
  [/norm\.weight$/, "hidden_size"],
];

function fieldsOf(name: string): string {
  const [, text] = fields.find(([pattern]) => pattern.test(name)) ?? [];
  return text === undefined ? "" : ` (${text})`;
}
