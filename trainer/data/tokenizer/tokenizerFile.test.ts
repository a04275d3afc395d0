/** Settings of tokenizer.json that the trainer overrides, and files of old versions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { Tokenizer } from "./tokenizer.ts";

const tiny = tinyTokenizerJson();
const config = JSON.stringify(tinyTokenizerConfig());
const load = (changes: object) => Tokenizer.load({ tokenizer: JSON.stringify({ ...tiny, ...changes }), config });

test("a file without optional stages is read, and settings of slow tokenizers change nothing", async () => {
  const text = JSON.stringify({ ...tiny, normalizer: undefined, post_processor: undefined });
  const ids = await (await Tokenizer.load({ tokenizer: text, config })).encode("  Hé  LLO ");
  const slow = { ...tinyTokenizerConfig(), remove_space: true, do_lowercase_and_remove_accent: true };
  const other = await Tokenizer.load({ tokenizer: text, config: JSON.stringify(slow) });
  assert.deepEqual(await other.encode("  Hé  LLO "), ids);
  assert.equal(ids.length, 11);
});

test("dropout is ignored: the same text gives the same tokens", async () => {
  const vocab = { ...tiny.model.vocab, ab: 300, abab: 301 };
  const merges = [
    ["a", "b"],
    ["ab", "ab"],
  ];
  const tokenizer = await load({ model: { ...tiny.model, vocab, merges, dropout: 0.9 } });
  for (let i = 0; i < 20; i++) assert.deepEqual(await tokenizer.encode("abab"), [301]);
});

test("a continued text keeps its spaces, whatever the tokenizer strips or adds before a text", async () => {
  const strip = await load({ normalizer: { type: "Strip", strip_left: true, strip_right: false } });
  assert.equal(strip.display(await strip.encode("  a")), "a");
  assert.equal(strip.display(await strip.encode("  a", "b")), "  a");
  const prefixed = await load({ pre_tokenizer: { ...tiny.pre_tokenizer, add_prefix_space: true } });
  assert.equal(prefixed.display(await prefixed.encode("a")), " a");
  assert.equal(prefixed.display(await prefixed.encode("a", "b")), "a");
  assert.equal(prefixed.display(await prefixed.encode("a<|im_end|>b", "b")), "a<|im_end|> b");
});

test("a token that takes the white space after it takes it from a continued text too", async () => {
  const added = tiny.added_tokens.map((token) => ({ ...token, rstrip: token.content === "<|im_end|>" }));
  for (const pre_tokenizer of [tiny.pre_tokenizer, { ...tiny.pre_tokenizer, add_prefix_space: true }]) {
    const tokenizer = await load({ added_tokens: added, pre_tokenizer });
    const text = "a<|im_end|> \n\u3000 b <|im_start|> c";
    const whole = await tokenizer.encode(text);
    for (const cut of [11, 12, 14, 15, 16]) {
      const [first, second] = [text.slice(0, cut), text.slice(cut)];
      assert.deepEqual(
        [...(await tokenizer.encode(first)), ...(await tokenizer.encode(second, first))],
        whole,
        `${cut}`,
      );
    }
  }
});

test("a tokenizer without a token for unknown letters encodes what it has, and reports other texts", async () => {
  const vocab = ["<|im_end|>", "b"].map((piece) => [piece, -1]);
  const model = { type: "Unigram", unk_id: null, vocab, byte_fallback: false };
  const added = [{ ...tiny.added_tokens[1], id: 0 }];
  const tokenizer = await load({ model, added_tokens: added, pre_tokenizer: null, decoder: null });
  assert.deepEqual(await tokenizer.encode("bb<|im_end|>"), [1, 1, 0]);
  await assert.rejects(tokenizer.encode("a"), { message: "the tokenizer cannot encode it" });
  assert.deepEqual(tokenizer.leadingIds, []);
});

test("merges without the prefix of continued words are refused before the library cuts it off", async () => {
  const vocab = { a: 0, b: 1, "##b": 2, ab: 3, "<|im_end|>": 4 };
  const withMerges = (merges: unknown) =>
    load({ model: { ...tiny.model, vocab, merges, continuing_subword_prefix: "##" }, added_tokens: [] });
  await withMerges([["a", "##b"]]);
  await withMerges(["a ##b"]);
  for (const merges of [[["a", "b"]], ["a b"], [["a"]], [7]])
    await assert.rejects(withMerges(merges), /tokenizer\.json: model\.merges\[0\]: .* continuing_subword_prefix/);
});

test("concurrent encoding of continued and new texts gives the same tokens as separate encoding", async () => {
  const tokenizer = await load({ pre_tokenizer: { ...tiny.pre_tokenizer, add_prefix_space: true } });
  const encoded = await Promise.all(
    Array.from({ length: 40 }, (_, index) => tokenizer.encode("word", index % 2 === 0 ? "" : "b")),
  );
  for (const [index, ids] of encoded.entries())
    assert.equal(tokenizer.display(ids), index % 2 === 0 ? " word" : "word");
});

test("only the text that the tokenizer cannot encode is reported, and the others are encoded", async () => {
  const model = { type: "WordLevel", vocab: { a: 0, "<|im_end|>": 1 }, unk_token: "<unk>" };
  const added = [{ ...tiny.added_tokens[1], id: 1 }];
  const tokenizer = await load({ model, added_tokens: added, pre_tokenizer: { type: "Whitespace" }, decoder: null });
  const [good, bad, end] = await tokenizer.encodeAll(
    ["a a", "secret", "<|im_end|>"].map((text) => ({ text, before: "" })),
  );
  assert.deepEqual([good, end], [[0, 0], [1]]);
  assert.ok(bad instanceof Error && !bad.message.includes("secret"), String(bad));
});
