/** Tokenizers in GGUF: llama.cpp encodes as tokenizer.json does, and a tokenizer that it does not know is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { codecOf } from "../data/encoding/codec.ts";
import { encodeGgufHeader, type GgufValue } from "../formats/gguf.ts";
import { LlamaModel } from "../testing/llamaCpp.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { tokenizerMetadata } from "./ggufTokenizer.ts";

const tokenizerFile = z.looseObject({
  model: z.looseObject({
    vocab: z.record(z.string(), z.number()),
    merges: z.array(z.tuple([z.string(), z.string()])),
  }),
});
type TokenizerFile = z.infer<typeof tokenizerFile>;
const golden = z.object({
  tokenizer: tokenizerFile,
  encodings: z.array(z.object({ text: z.string() })).default([]),
  variants: z.array(z.object({ name: z.string(), parts: z.looseObject({}) })).default([]),
});
const read = (kind: string) =>
  golden.parse(
    JSON.parse(readFileSync(new URL(`../../test/golden/data/chat/tokenizer-${kind}.json`, import.meta.url), "utf8")),
  );

const [gpt2, llama3, qwen, pieces] = [read("gpt2"), read("llama3"), read("qwen"), read("bytefallback")];
const texts = [
  ...gpt2.encodings.map(({ text }) => text),
  ...["helloWorld ABCdef", "a!//\n/b", "1 22 333 4444", "Don'T weLL"],
];

/** A byte-level tokenizer with tokens that other splits would not give. */
function split(file: TokenizerFile, changes: object, model: object = {}): TokenizerFile {
  const merges = ["1 2", "12 3", "2 2", "22 2", "4 4", "44 44", "o W", "C d", "! /", "/ Ċ", "Ċ /", "t t"].map(
    (pair) => pair.split(" ") as [string, string],
  );
  const vocab = { ...file.model.vocab };
  for (const [index, pair] of merges.entries()) vocab[pair.join("")] ??= 510 + index;
  // A word that no merges make: only a tokenizer that ignores merges finds it.
  vocab.Training ??= 530;
  return { ...file, ...changes, model: { ...file.model, ...model, vocab, merges: [...merges, ...file.model.merges] } };
}

/** All splits of each piece, in the order of their first merges, as files made from SentencePiece's models have them. */
function withAllSplits({ model, ...file }: TokenizerFile): TokenizerFile {
  const ids = model.vocab;
  const ranked = [...new Set(model.merges.map((pair) => pair.join("")))];
  const merges = ranked.flatMap((piece) =>
    Array.from({ length: piece.length - 1 }, (_, cut): [string, string] => [
      piece.slice(0, cut + 1),
      piece.slice(cut + 1),
    ]),
  );
  return {
    ...file,
    model: { ...model, merges: merges.filter((pair) => pair.every((part) => Object.hasOwn(ids, part))) },
  };
}

const variant = (name: string): TokenizerFile =>
  withAllSplits({ ...pieces.tokenizer, ...pieces.variants.find((one) => one.name === name)?.parts });

const added = ({ added_tokens: tokens }: TokenizerFile): object =>
  Object(Array.isArray(tokens) ? tokens[0] : undefined);
const byteLevel = (useRegex: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const stages = (...pretokenizers: object[]) => ({ pre_tokenizer: { type: "Sequence", pretokenizers } });
/** Mistral's tokenizer of 2024. */
const tekken =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const kinds: Readonly<Record<string, TokenizerFile>> = {
  "gpt-2": split(gpt2.tokenizer, {}),
  "llama-bpe": split(llama3.tokenizer, {}),
  dbrx: split(llama3.tokenizer, {}, { ignore_merges: false }),
  qwen2: split(qwen.tokenizer, {}),
  smollm: split(gpt2.tokenizer, stages({ type: "Digits", individual_digits: true }, byteLevel(true))),
  tekken: split(
    gpt2.tokenizer,
    stages({ type: "Split", pattern: { Regex: tekken }, behavior: "Isolated", invert: false }, byteLevel(false)),
    { ignore_merges: true },
  ),
  "pieces of Llama 2 and Mistral": variant("Llama 2 and Mistral"),
  "pieces of Gemma": variant("Gemma"),
};

const metadataOf = async (file: object, config: object = {}, vocabSize = 600): Promise<[string, GgufValue][]> => {
  const given = { tokenizer: JSON.stringify(file), config: JSON.stringify({ eos_token: "<|im_end|>", ...config }) };
  return tokenizerMetadata(given, await codecOf(given), vocabSize);
};

async function loaded(t: TestContext, file: object, config: object = {}): Promise<LlamaModel> {
  const path = `${await temporaryDirectory(t)}/vocabulary.gguf`;
  const architecture: [string, GgufValue] = ["general.architecture", { type: "string", value: "llama" }];
  await writeFile(path, encodeGgufHeader(new Map([architecture, ...(await metadataOf(file, config))]), []));
  return await LlamaModel.load(t, path, { vocabOnly: true });
}

for (const [name, file] of Object.entries(kinds)) {
  test(`llama.cpp encodes as tokenizer.json does: ${name}`, async (t) => {
    const llama = await loaded(t, file);
    const { tokenizer } = await codecOf({
      tokenizer: JSON.stringify(file),
      config: JSON.stringify({ eos_token: "<|im_end|>" }),
    });
    // llama.cpp does not normalise, as Qwen's tokenizer.json does.
    for (const text of texts.map((one) => (name === "qwen2" ? one.normalize("NFC") : one)))
      assert.deepEqual(llama.encode(text), await tokenizer.encode(text), JSON.stringify(text));
  });
}

test("the tokens of roles, and whether texts begin and end with them, are those of the tokenizer", async (t) => {
  const post = (single: object[]) => ({
    post_processor: { type: "TemplateProcessing", single, pair: [], special_tokens: { "<|im_start|>": special } },
  });
  const special = { id: "<|im_start|>", ids: [0], tokens: ["<|im_start|>"] };
  const before = { SpecialToken: { id: "<|im_start|>", type_id: 0 } };
  const text = { Sequence: { id: "A", type_id: 0 } };
  const config = { bos_token: "<|im_start|>", chat_template: "{{ messages }}" };
  const { model } = await loaded(t, { ...gpt2.tokenizer, ...post([before, text]) }, config);
  assert.deepEqual([model.tokenBos(), model.tokenEos(), model.shouldPrependBosToken()], [0, 1, true]);
  assert.ok(model.isEogToken(1));
  const plain = (await loaded(t, gpt2.tokenizer)).model;
  assert.deepEqual([plain.tokenBos(), plain.tokenEos(), plain.shouldPrependBosToken()], [1, 1, false]);
  const other = { ...gpt2.tokenizer, ...post([before, before, text]) };
  await assert.rejects(metadataOf(other, config), /post_processor of tokenizer\.json adds other tokens than bos_token/);
});

test("each embedding has a token, and each template its key", async () => {
  const templates = {
    chat_template: [
      { name: "default", template: "a" },
      { name: "tool_use", template: "b" },
    ],
  };
  const metadata = new Map(await metadataOf(gpt2.tokenizer, templates));
  const tokens = metadata.get("tokenizer.ggml.tokens");
  assert.ok(tokens?.type === "strings" && tokens.value.length === 600 && tokens.value[599] === "[PAD599]");
  const texts_ = ["tokenizer.chat_template", "tokenizer.chat_template.tool_use"].map((key) => metadata.get(key)?.value);
  assert.deepEqual(texts_, ["a", "b"]);
});

const wrong: readonly { name: string; file: object; message: RegExp }[] = [
  {
    name: "another split",
    file: { ...gpt2.tokenizer, ...stages({ type: "Digits", individual_digits: false }, byteLevel(true)) },
    message:
      /pre_tokenizer of tokenizer\.json \(.*Digits.*\) has no equivalent in llama\.cpp \(its pre-tokenizers: gpt-2, .*\): export merged, and serve/,
  },
  {
    name: "a space before each text",
    file: { ...gpt2.tokenizer, pre_tokenizer: { ...byteLevel(true), add_prefix_space: true } },
    message: /pre_tokenizer of tokenizer\.json/,
  },
  {
    name: "a normalizer",
    file: { ...gpt2.tokenizer, normalizer: { type: "Lowercase" } },
    message: /has the normalizer Lowercase, which llama\.cpp does not apply/,
  },
  {
    name: "merges that llama.cpp would add to",
    file: { ...pieces.tokenizer, ...pieces.variants.find(({ name }) => name === "Gemma")?.parts },
    message: /tokenizer\.json merges ".*" from some of its parts, but llama\.cpp from all/,
  },
  {
    name: "spaces placed otherwise",
    file: variant("Metaspace, first"),
    message: /place spaces otherwise than llama\.cpp does/,
  },
  {
    name: "tokens that take white space",
    file: { ...gpt2.tokenizer, added_tokens: [{ ...added(gpt2.tokenizer), rstrip: true }] },
    message: /the token <\|im_start\|> takes white space beside it/,
  },
  {
    name: "another kind of tokenizer",
    file: {
      ...gpt2.tokenizer,
      model: { type: "WordLevel", vocab: { "<|im_start|>": 0, "<|im_end|>": 1 }, unk_token: "<|im_start|>" },
    },
    message: /llama\.cpp does not encode as a WordLevel tokenizer\.json does/,
  },
];

for (const { name, file, message } of wrong) {
  test(`a tokenizer that llama.cpp does not have is refused with what to do: ${name}`, async () => {
    await assert.rejects(metadataOf(file), message);
  });
}

/** Gemma's list: runs of spaces by all splits of the longest first, and an added token that is merged in the list too. */
function withRuns(file: TokenizerFile, longest: number): TokenizerFile {
  const runs = Array.from({ length: longest }, (_, index) => "▁".repeat(index + 1));
  const splits = runs
    .toReversed()
    .flatMap((first): [string, string][] =>
      runs
        .toReversed()
        .flatMap((second): [string, string][] => (first.length + second.length <= longest ? [[first, second]] : [])),
    );
  const newlines: [string, string][] = [
    ["\n", "\n"],
    ["\n\n", "\n"],
    ["\n", "\n\n"],
  ];
  const own = file.model.merges.filter((pair) => !/^▁+$/.test(pair.join("")));
  const vocab = { ...file.model.vocab };
  for (const token of [...runs, "\n", "\n\n", "\n\n\n"]) vocab[token] ??= Object.keys(vocab).length;
  const tokens = ["\n\n", "\n\n\n"].map((content) => ({ ...added(file), content, id: vocab[content], special: false }));
  const added_tokens = [...(Array.isArray(file.added_tokens) ? file.added_tokens : []), ...tokens];
  return withAllSplitsBut({ ...file, added_tokens, model: { ...file.model, vocab, merges: own } }, [
    ...splits,
    ...newlines,
  ]);
}

const withAllSplitsBut = (file: TokenizerFile, first: [string, string][]): TokenizerFile => {
  const { model, ...rest } = withAllSplits(file);
  return { ...rest, model: { ...model, merges: [...first, ...model.merges] } };
};

test("runs of spaces and lines as in Gemma's list are encoded as tokenizer.json does", async (t) => {
  const file = withRuns(variant("Gemma"), 9);
  const llama = await loaded(t, file);
  const config = JSON.stringify({ eos_token: "<|im_end|>" });
  const { tokenizer } = await codecOf({ tokenizer: JSON.stringify(file), config });
  const runs = Array.from({ length: 25 }, (_, length) => `a${" ".repeat(length)}b${"\n".repeat(length)}`);
  for (const text of [...texts, ...runs])
    assert.deepEqual(llama.encode(text), await tokenizer.encode(text), JSON.stringify(text));
});

test("a vocabulary of 200,000 tokens is written", async () => {
  const vocab = { ...gpt2.tokenizer.model.vocab };
  for (let id = 500; id < 200_000; id++) vocab[`token${id}`] = id;
  const file = { ...gpt2.tokenizer, model: { ...gpt2.tokenizer.model, vocab } };
  const tokens = new Map(await metadataOf(file, {}, 200_000)).get("tokenizer.ggml.tokens");
  assert.ok(tokens?.type === "strings" && tokens.value[199_999] === "token199999");
});

test("more tokens than embeddings are refused", async () => {
  const file = split(gpt2.tokenizer, {}, {});
  file.model.vocab.zzz = 700;
  await assert.rejects(metadataOf(file), /has a token 700, and the model 600 embeddings/);
});
