/**
 * Which class AutoTokenizer makes of a tokenizer. Transformers 5 takes vocabulary and merges alone from tokenizer.json
 * where `tokenizer_class` names a class of its own, and builds the rest as that class has it: digits that are split, another
 * pattern or another normaliser are lost, and the text becomes other tokens than it was trained on. `PreTrainedTokenizerFast`
 * loads the file as it is. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

const part = z.looseObject({}).nullish();
const tokenizerFile = z.looseObject({
  normalizer: part,
  pre_tokenizer: part,
  decoder: part,
  model: z.looseObject({ type: z.string().optional() }),
});
type TokenizerFile = z.infer<typeof tokenizerFile>;

/** Classes that load tokenizer.json as it is. */
const plain = ["PreTrainedTokenizerFast", "TokenizersBackend"];

/** What a class builds by itself, beside vocabulary and merges. */
interface Built {
  normalizer: unknown;
  preTokenizer: unknown;
  decoder: string;
}

const qwenPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const byteLevel = (addPrefixSpace: boolean, useRegex: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: addPrefixSpace,
  use_regex: useRegex,
});

const classes: Readonly<Record<string, (addPrefixSpace: boolean) => Built>> = {
  GPT2Tokenizer: (space) => ({ normalizer: null, preTokenizer: byteLevel(space, true), decoder: "ByteLevel" }),
  Qwen2Tokenizer: (space) => ({
    normalizer: { type: "NFC" },
    preTokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: qwenPattern }, behavior: "Isolated", invert: false },
        byteLevel(space, false),
      ],
    },
    decoder: "ByteLevel",
  }),
};

/**
 * The members of tokenizer_config.json with which AutoTokenizer makes the tokenizer of tokenizer.json; `config` itself
 * where it does already. Code that `auto_map` names is not part of a model here, so it is left out.
 */
export function asTrained(config: Readonly<Record<string, unknown>>, tokenizer: unknown): Record<string, unknown> {
  const { tokenizer_class: name, auto_map: code, ...rest } = config;
  const keeps = typeof name === "string" && (plain.includes(name) || isRebuiltAlike(name, config, tokenizer));
  if (keeps && code === undefined) return config;
  if (keeps) return { ...rest, tokenizer_class: name };
  // Without these PreTrainedTokenizerFast also returns token_type_ids, which decoders do not take.
  const names = config.model_input_names ?? ["input_ids", "attention_mask"];
  // The one default of these classes that is another.
  const side = isLlama(name) && config.padding_side === undefined ? { padding_side: "left" } : {};
  return { ...rest, ...side, model_input_names: names, tokenizer_class: "PreTrainedTokenizerFast" };
}

const isLlama = (name: unknown) => typeof name === "string" && /^LlamaTokenizer(Fast)?$/.test(name);

function isRebuiltAlike(name: string, config: Readonly<Record<string, unknown>>, tokenizer: unknown): boolean {
  const built = classes[name.replace(/Fast$/, "")]?.(config.add_prefix_space === true);
  const file = tokenizerFile.safeParse(tokenizer);
  if (built === undefined || !file.success) return false;
  const { normalizer, pre_tokenizer, decoder } = file.data;
  return (
    isDeepStrictEqual(normalizer ?? null, built.normalizer) &&
    isDeepStrictEqual(withoutOffsets(pre_tokenizer), built.preTokenizer) &&
    decoder?.type === built.decoder &&
    isPlainBpe(file.data)
  );
}

/** Byte-pair encoding without any of its options. */
function isPlainBpe({ model }: TokenizerFile): boolean {
  const options = [
    "dropout",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
  ];
  return model.type === "BPE" && options.every((option) => !model[option]);
}

/** A pre-tokenizer without what changes offsets alone, its defaults written out. */
function withoutOffsets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOffsets);
  if (typeof value !== "object" || value === null) return value;
  const members: Record<string, unknown> = { ...value };
  delete members.trim_offsets;
  if (members.type === "ByteLevel") members.use_regex ??= true;
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, withoutOffsets(member)]));
}
