/** Compared with AutoTokenizer of transformers 5.23: the tokenizers that it loads unchanged from tokenizer.json. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { asTrained } from "./tokenizerClass.ts";

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const bpe = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  fuse_unk: false,
  byte_fallback: false,
  vocab: {},
  merges: [],
};
const gpt2 = { normalizer: null, pre_tokenizer: byteLevel, decoder: byteLevel, model: bpe };
const digits = {
  ...gpt2,
  pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] },
};
const qwen = {
  ...gpt2,
  normalizer: { type: "NFC" },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: {
          Regex:
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        },
        behavior: "Isolated",
        invert: false,
      },
      { ...byteLevel, use_regex: false },
    ],
  },
};
const metaspace = { ...gpt2, pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first" } };
const ignoring = { ...gpt2, model: { ...bpe, ignore_merges: true } };

const kept: [string, object, string][] = [
  ["GPT2Tokenizer of GPT-2's file", gpt2, "GPT2Tokenizer"],
  ["GPT2TokenizerFast of GPT-2's file", gpt2, "GPT2TokenizerFast"],
  ["Qwen2Tokenizer of Qwen's file", qwen, "Qwen2Tokenizer"],
  ["PreTrainedTokenizerFast of any file", digits, "PreTrainedTokenizerFast"],
  ["TokenizersBackend of any file", metaspace, "TokenizersBackend"],
];

for (const [what, tokenizer, name] of kept) {
  test(`${what} stays`, () => {
    const config = { tokenizer_class: name, eos_token: "</s>" };
    assert.equal(asTrained(config, tokenizer), config);
  });
}

const replaced: [string, object, unknown][] = [
  ["GPT2Tokenizer, which would lose the split of digits,", digits, "GPT2Tokenizer"],
  ["GPT2Tokenizer, which would lose Qwen's pattern,", qwen, "GPT2Tokenizer"],
  ["GPT2Tokenizer, which would lose ignore_merges,", ignoring, "GPT2Tokenizer"],
  ["Qwen2Tokenizer of GPT-2's file", gpt2, "Qwen2Tokenizer"],
  ["LlamaTokenizer, which builds everything anew,", metaspace, "LlamaTokenizerFast"],
  ["an unknown class", gpt2, "AcmeTokenizer"],
  ["no class, for which the model's own is taken,", gpt2, undefined],
];

for (const [what, tokenizer, name] of replaced) {
  test(`${what} becomes the class that loads the file unchanged`, () => {
    const made = asTrained({ tokenizer_class: name, eos_token: "</s>" }, tokenizer);
    const { padding_side: side, ...members } = made;
    const inputs = ["input_ids", "attention_mask"];
    assert.deepEqual(members, {
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "</s>",
      model_input_names: inputs,
    });
    assert.equal(side, name === "LlamaTokenizerFast" ? "left" : undefined);
  });
}

test("the configuration of inputs and padding stays, and references to code are removed", () => {
  const config = { model_input_names: ["input_ids"], padding_side: "right", tokenizer_class: "LlamaTokenizer" };
  assert.deepEqual(asTrained(config, gpt2), { ...config, tokenizer_class: "PreTrainedTokenizerFast" });
  const coded = { tokenizer_class: "PreTrainedTokenizerFast", auto_map: { AutoTokenizer: ["a.B", null] } };
  assert.deepEqual(asTrained(coded, gpt2), { tokenizer_class: "PreTrainedTokenizerFast" });
});
