/**
 * Selects the class that AutoTokenizer uses for a tokenizer. If `tokenizer_class` names one of its own classes,
 * transformers 5 takes only vocabulary and merges from tokenizer.json and builds the rest by that class: split digits,
 * another pattern or another normaliser are lost, and the text gets other tokens than in training.
 * `PreTrainedTokenizerFast` loads the file unchanged. Pure.
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

/** Classes that load tokenizer.json unchanged. */
const plain = ["PreTrainedTokenizerFast", "TokenizersBackend"];

/** The parts that a class builds itself, in addition to vocabulary and merges. */
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
 * The members of tokenizer_config.json that make AutoTokenizer build the tokenizer of tokenizer.json; `config` itself
 * if it already does. `auto_map` is omitted, because exports contain no code.
 */
export function asTrained(config: Readonly<Record<string, unknown>>, tokenizer: unknown): Record<string, unknown> {
  const { tokenizer_class: name, auto_map: code, ...rest } = config;
  const keeps = typeof name === "string" && (plain.includes(name) || isRebuiltAlike(name, config, tokenizer));
  if (keeps && code === undefined) return config;
  if (keeps) return { ...rest, tokenizer_class: name };
  // Without these PreTrainedTokenizerFast also returns token_type_ids, which decoders do not accept.
  const names = config.model_input_names ?? ["input_ids", "attention_mask"];
  // The one default in which these classes differ.
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

/** A pre-tokenizer with its defaults written out and without options that only change offsets. */
function withoutOffsets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOffsets);
  if (typeof value !== "object" || value === null) return value;
  const members: Record<string, unknown> = { ...value };
  delete members.trim_offsets;
  if (members.type === "ByteLevel") members.use_regex ??= true;
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, withoutOffsets(member)]));
}
