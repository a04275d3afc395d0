/**
 * A tokenizer as metadata of GGUF: byte-level BPE with the name of a pre-tokenizer that llama.cpp has, or BPE with byte fallback
 * in the form of SentencePiece. llama.cpp knows pre-tokenizers by name alone, and one that splits otherwise would give the model
 * other tokens than in training: a tokenizer is refused unless llama.cpp encodes as it does. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { errorText } from "../contract/plainIssue.ts";
import type { Codec, CodecTexts } from "../data/encoding/codec.ts";
import { templateTexts } from "../data/template/chatTemplate.ts";
import type { GgufValue } from "../formats/gguf.ts";
import { parseJson } from "../formats/huggingFace.ts";
import { refused } from "./ggufModel.ts";
import { piecesOf, type Vocabulary } from "./ggufPieces.ts";

const stage = z.looseObject({ type: z.string() }).nullish();
const tokenizerFile = z.looseObject({
  normalizer: stage,
  pre_tokenizer: stage,
  added_tokens: z
    .array(z.looseObject({ content: z.string(), lstrip: z.boolean(), rstrip: z.boolean(), single_word: z.boolean() }))
    .default([]),
  model: z.looseObject({
    type: z.string(),
    vocab: z.unknown().optional(),
    merges: z.unknown().optional(),
    unk_token: z.string().nullish(),
    byte_fallback: z.boolean().default(false),
    ignore_merges: z.boolean().default(false),
    continuing_subword_prefix: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
  }),
});
type TokenizerFile = z.infer<typeof tokenizerFile>;

const vocabulary = z.record(z.string(), z.int().min(0));
const mergeList = z.array(z.union([z.string(), z.tuple([z.string(), z.string()])]));

/** Where llama.cpp looks a token up, and whether chat templates may write it. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const fix = "export merged, and serve that with a program that reads tokenizer.json";

/** The metadata of a model with `vocabSize` embeddings. Throws a failure if llama.cpp would encode otherwise. */
export function tokenizerMetadata(texts: CodecTexts, codec: Codec, vocabSize: number): [string, GgufValue][] {
  const file = readFile(texts.tokenizer);
  const own = vocabularyOf(file);
  const { tokenizer } = codec;
  if (tokenizer.size > vocabSize)
    throw refused(`the tokenizer has ${tokenizer.size} tokens and the model ${vocabSize} embeddings: ${fix}`);
  const stripping = file.added_tokens.find((one) => one.lstrip || one.rstrip || one.single_word);
  if (stripping)
    throw refused(
      `the token ${stripping.content} takes white space beside it or is a whole word, which has no form in GGUF: ${fix}`,
    );
  const kind = file.model.byte_fallback ? pieceKind(file, own, vocabSize) : byteLevelKind(file, own);
  const tokens = tokensOf(file, own, codec, vocabSize);
  return [
    ...kind,
    ["tokenizer.ggml.tokens", { type: "strings", value: tokens.map(({ text }) => text) }],
    ["tokenizer.ggml.token_type", { type: "int32s", value: tokens.map(({ type }) => type) }],
    ...specialTokens(codec),
    ...chatTemplates(texts),
  ];
}

function readFile(text: string): TokenizerFile {
  const parsed = tokenizerFile.safeParse(parseJson("tokenizer.json", text));
  if (parsed.success) return parsed.data;
  throw refused(`tokenizer.json: ${errorText(parsed.error)}: ${fix}`);
}

function vocabularyOf({ model }: TokenizerFile): Vocabulary {
  if (model.type !== "BPE") throw refused(`llama.cpp does not encode as a ${model.type} tokenizer.json does: ${fix}`);
  for (const field of ["continuing_subword_prefix", "end_of_word_suffix"] as const)
    if (model[field]) throw refused(`tokenizer.json has model.${field}, which has no form in GGUF: ${fix}`);
  const [ids, merges] = [vocabulary.safeParse(model.vocab), mergeList.safeParse(model.merges)];
  if (!ids.success || !merges.success) throw refused(`tokenizer.json: vocab or merges cannot be read: ${fix}`);
  return { ids: ids.data, merges: merges.data.map(pairOf) };
}

function pairOf(merge: string | readonly [string, string]): readonly [string, string] {
  if (typeof merge !== "string") return merge;
  const [first = "", second = ""] = merge.split(" ");
  return [first, second];
}

// --- byte-level BPE

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const words = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const rest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const cased =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|" +
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*";

const bytes = (useRegex: boolean) => ({ type: "ByteLevel", add_prefix_space: false, use_regex: useRegex });
const split = (pattern: string) => [
  { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
  bytes(false),
];

/** llama.cpp's pre-tokenizers, each with the stages of tokenizer.json that split alike. */
const preTokenizers: readonly { name: string; stages: readonly object[]; ignoresMerges?: boolean }[] = [
  { name: "gpt-2", stages: [bytes(true)] },
  { name: "llama-bpe", stages: split(`${contractions}|${words}|\\p{N}{1,3}|${rest}`), ignoresMerges: true },
  { name: "dbrx", stages: split(`${contractions}|${words}|\\p{N}{1,3}|${rest}`) },
  { name: "qwen2", stages: split(`${contractions}|${words}|\\p{N}|${rest}`) },
  { name: "smollm", stages: [{ type: "Digits", individual_digits: true }, bytes(true)] },
  {
    name: "tekken",
    stages: split(`${cased}|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`),
    ignoresMerges: true,
  },
];

function byteLevelKind(file: TokenizerFile, { merges }: Vocabulary): [string, GgufValue][] {
  // llama.cpp does not normalise. Texts in NFC, as keyboards and the web write them, stay the same.
  if (file.normalizer && file.normalizer.type !== "NFC")
    throw refused(`tokenizer.json has the normalizer ${file.normalizer.type}, which llama.cpp does not apply: ${fix}`);
  const stages = stagesOf(file.pre_tokenizer);
  const found = preTokenizers.find(
    (one) => isDeepStrictEqual(one.stages, stages) && (one.ignoresMerges ?? false) === file.model.ignore_merges,
  );
  if (!found) {
    const names = preTokenizers.map(({ name }) => name).join(", ");
    throw refused(
      `the pre_tokenizer of tokenizer.json (${JSON.stringify(file.pre_tokenizer ?? null).slice(0, 80)}) has no equivalent ` +
        `in llama.cpp (its pre-tokenizers: ${names}): ${fix}`,
    );
  }
  return [
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: found.name }],
    ["tokenizer.ggml.merges", { type: "strings", value: merges.map((pair) => pair.join(" ")) }],
  ];
}

/** The stages one by one, with defaults written out and without members that change offsets alone. */
function stagesOf(given: unknown): object[] {
  if (typeof given !== "object" || given === null) return [];
  const { trim_offsets: _, ...members }: Record<string, unknown> = { ...given };
  if (members.type === "Sequence" && Array.isArray(members.pretokenizers))
    return members.pretokenizers.flatMap(stagesOf);
  return [members.type === "ByteLevel" ? { use_regex: true, ...members } : members];
}

// --- BPE with byte fallback

function pieceKind(file: TokenizerFile, own: Vocabulary, vocabSize: number): [string, GgufValue][] {
  const { scores, addsSpace } = piecesOf(file, own, (why) => refused(`${why}: ${fix}`));
  const all = Array.from({ length: vocabSize }, (_, id) => scores.get(id) ?? 0);
  return [
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.pre", { type: "string", value: "default" }],
    ["tokenizer.ggml.scores", { type: "float32s", value: all }],
    ["tokenizer.ggml.add_space_prefix", { type: "bool", value: addsSpace }],
  ];
}

// --- tokens and templates

interface Token {
  readonly text: string;
  readonly type: number;
}

/** A token for each embedding. Embeddings without one get a name that is never encoded. */
function tokensOf(file: TokenizerFile, { ids }: Vocabulary, { tokenizer }: Codec, vocabSize: number): Token[] {
  const tokens = new Map<number, Token>();
  for (const [text, id] of Object.entries(ids)) {
    const isByte = file.model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(text);
    tokens.set(id, { text, type: isByte ? tokenTypes.byte : tokenTypes.normal });
  }
  for (const text of tokenizer.addedTexts) {
    const id = tokenizer.idOf(text);
    const type = tokenizer.specialTexts.has(text) ? tokenTypes.control : tokenTypes.userDefined;
    if (id !== undefined) tokens.set(id, { text, type });
  }
  const unknown = file.model.unk_token ? tokenizer.idOf(file.model.unk_token) : undefined;
  const known = unknown === undefined ? undefined : tokens.get(unknown);
  if (unknown !== undefined && known) tokens.set(unknown, { ...known, type: tokenTypes.unknown });
  let largest = 0;
  for (const id of tokens.keys()) largest = Math.max(largest, id);
  if (largest >= vocabSize)
    throw refused(`the tokenizer has a token ${largest}, and the model ${vocabSize} embeddings: ${fix}`);
  const unused = (id: number): Token => ({ text: `[PAD${id}]`, type: tokenTypes.unused });
  return Array.from({ length: vocabSize }, (_, id) => tokens.get(id) ?? unused(id));
}

function specialTokens({ tokenizer, turnEnd }: Codec): [string, GgufValue][] {
  const { special, eosId, leadingIds, trailingIds } = tokenizer;
  const id = (name: string, value: number | undefined): [string, GgufValue][] =>
    value === undefined ? [] : [[`tokenizer.ggml.${name}`, { type: "uint32", value }]];
  const idOf = (text: string | undefined) => (text === undefined ? undefined : tokenizer.idOf(text));
  const bos = idOf(special.bosToken);
  const isWhole = (ids: readonly number[], one: number | undefined) =>
    ids.length === 0 || (ids.length === 1 && ids[0] === one);
  if (!isWhole(leadingIds, bos) || !isWhole(trailingIds, eosId))
    throw refused(`the post_processor of tokenizer.json adds other tokens than bos_token and eos_token: ${fix}`);
  return [
    // Without an entry llama.cpp takes token 11 or 1.
    ...id("bos_token_id", bos ?? eosId),
    ...id("eos_token_id", eosId),
    ...(turnEnd && turnEnd.id !== eosId ? id("eot_token_id", turnEnd.id) : []),
    ...id("unknown_token_id", idOf(special.unkToken)),
    ...id("padding_token_id", idOf(special.padToken)),
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: leadingIds.length > 0 }],
    ["tokenizer.ggml.add_eos_token", { type: "bool", value: trailingIds.length > 0 }],
  ];
}

/** The template under the key of llama.cpp; further ones beside it, by their names. */
function chatTemplates({ config, templates }: CodecTexts): [string, GgufValue][] {
  const texts = Object.entries(templateTexts(parseJson("tokenizer_config.json", config), templates ?? {}));
  return texts.map(([name, value]) => [
    name === "default" ? "tokenizer.chat_template" : `tokenizer.chat_template.${name}`,
    { type: "string", value },
  ]);
}
