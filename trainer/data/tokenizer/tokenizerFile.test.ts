/** What tokenizer.json asks for and would be encoded otherwise than the tokenizers library does is refused by its field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { Tokenizer } from "./tokenizer.ts";

const tiny = tinyTokenizerJson();
const config = JSON.stringify(tinyTokenizerConfig());
const load = (changes: object) => new Tokenizer(JSON.stringify({ ...tiny, ...changes }), config);

const model = (changes: object) => ({ model: { ...tiny.model, ...changes } });
const split = (stage: object) => ({
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [stage, { type: "ByteLevel", add_prefix_space: false, use_regex: false }],
  },
});
const added = (changes: object) => ({
  added_tokens: [...tiny.added_tokens, { id: 259, content: "<x>", special: true, ...changes }],
});
const regex = { pattern: { Regex: "\\s" }, behavior: "Isolated", invert: false };

const refused: [string, object, RegExp][] = [
  ["another kind of model", model({ type: "Unigram" }), /model\.type: is not supported: Unigram/],
  ["dropout", model({ dropout: 0.1 }), /model\.dropout/],
  ["a prefix of subwords", model({ continuing_subword_prefix: "##" }), /model\.continuing_subword_prefix/],
  ["a suffix of words", model({ end_of_word_suffix: "</w>" }), /model\.end_of_word_suffix/],
  ["unknown characters that are fused", { ...model({ fuse_unk: true }), pre_tokenizer: null }, /model\.fuse_unk/],
  ["a merge of three", model({ merges: ["a b c"] }), /model\.merges\.0/],
  ["a merge into nothing", model({ merges: [["a", "a"]] }), /model\.merges\.0: .*model\.vocab/],
  ["a vocabulary without ids", model({ vocab: { a: "1" } }), /model\.vocab: "a"/],
  ["a token with an id of its own", added({ id: 300 }), /added_tokens\.3\.id: is 300, .* 259/],
  ["whole words alone", added({ single_word: true }), /added_tokens\.3\.single_word/],
  [
    "a normalizer that is approximated",
    { normalizer: { type: "Precompiled", precompiled_charsmap: "" } },
    /normalizer\.type: .*Precompiled/,
  ],
  [
    "one in a sequence",
    { normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Lowercase" }] } },
    /normalizer\.normalizers\.1\.type: .*Lowercase/,
  ],
  [
    "a replacement that JavaScript reads otherwise",
    { normalizer: { type: "Replace", pattern: { String: "a" }, content: "$&" } },
    /normalizer\.content/,
  ],
  [
    "a space before every text",
    split({ type: "ByteLevel", add_prefix_space: true }),
    /pretokenizers\.0\.add_prefix_space/,
  ],
  [
    "a behaviour that is not known",
    split({ type: "Split", ...regex, behavior: "Merged" }),
    /pretokenizers\.0\.behavior/,
  ],
  [
    "a pattern that finds nothing",
    split({ type: "Split", ...regex, pattern: { String: "" } }),
    /pretokenizers\.0\.pattern/,
  ],
  ["punctuation one by one", split({ type: "Punctuation", behavior: "Isolated" }), /pretokenizers\.0\.behavior/],
  ["words of ASCII", split({ type: "Whitespace" }), /pretokenizers\.0\.type: .*Whitespace/],
  [
    "Metaspace of the first years",
    split({ type: "Metaspace", replacement: "▁", add_prefix_space: false }),
    /add_prefix_space/,
  ],
  ["another decoder", { decoder: { type: "WordPiece", prefix: "##" } }, /decoder\.type: .*WordPiece/],
  ["a list that is none", { decoder: { type: "Sequence", decoders: {} } }, /decoder\.decoders/],
  [
    "a token that is normalised where every text gets a space",
    { ...added({ special: false, normalized: true }), normalizer: { type: "Prepend", prepend: "▁" } },
    /added_tokens\.3\.normalized/,
  ],
];
for (const [what, changes, message] of refused) {
  test(`tokenizer.json: ${what}: refused by name`, () => {
    assert.throws(
      () => load(changes),
      (error: Error & { code: unknown; reason: unknown }) =>
        error.code === 20 &&
        /^Tokenizer(Invalid|Unsupported)$/.test(String(error.reason)) &&
        message.test(error.message),
    );
  });
}

test("what is missing is none, and settings of the slow tokenizers change nothing", () => {
  const text = JSON.stringify({ ...tiny, normalizer: undefined, post_processor: undefined });
  const ids = new Tokenizer(text, config).encode("  Hé  LLO ");
  const slow = { ...tinyTokenizerConfig(), remove_space: true, do_lowercase_and_remove_accent: true };
  assert.deepEqual(new Tokenizer(text, JSON.stringify(slow)).encode("  Hé  LLO "), ids);
  assert.equal(ids.length, 11);
});
