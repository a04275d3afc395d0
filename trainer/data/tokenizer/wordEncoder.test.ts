import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { RowError } from "../rows/example.ts";
import { GrowableUint32 } from "./growable.ts";
import { TextUnits } from "./textUnits.ts";
import { WordEncoder } from "./wordEncoder.ts";
import { WordTable } from "./wordTable.ts";

const read = (path: string): object => JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8"));
const goldens = ["gpt2", "llama3", "qwen"].map((kind): [string, object] => {
  const file = read(`test/golden/data/chat/tokenizer-${kind}.json`);
  return [kind, "tokenizer" in file && typeof file.tokenizer === "object" ? file.tokenizer! : {}];
});
const kinds: [string, object][] = [["the demo", read("demo/base/model/tokenizer.json")], ...goldens];

function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
}

const pieces = [
  ..."abcdefghij ABC 0123 \n\t\r.,;:'\"!?<>|_-()[]{}",
  ..."éüñßøЖдЩΩא你好世界ァ가👍🏽👩‍👧\u0301\u0300\u00a0\u200b\u2028\ufeff\u0000ﬁǄ",
  ...[
    " the",
    " The",
    "'s",
    "'LL",
    "don't",
    "  ",
    "\n\n",
    " 1234",
    "tokenizer",
    "<|im_start|>",
    "<|im_end|>",
    "<|im_end|>>",
    "<|",
    "|>",
  ],
];

function encoded(encoder: WordEncoder, text: string): number[] {
  const ids = new GrowableUint32();
  encoder.encode(text, ids);
  return [...ids.values()];
}

for (const [kind, tokenizer] of kinds) {
  test(`any text is encoded as the library does it: ${kind}`, () => {
    const library = new Library(tokenizer, {});
    const encoder = WordEncoder.of(new Library(tokenizer, {}));
    assert.ok(encoder);
    const random = generator(5);
    for (let round = 0; round < 400; round++) {
      const text = Array.from({ length: random(60) }, () => pieces[random(pieces.length)]).join("");
      assert.deepEqual(
        encoded(encoder, text),
        text === "" ? [] : library.encode(text, { add_special_tokens: false }).ids,
        JSON.stringify(text),
      );
    }
  });
}

test("long words are merged by the library, and endless ones are refused", () => {
  const [, tokenizer] = kinds[0]!;
  const encoder = WordEncoder.of(new Library(tokenizer, {}))!;
  const word = "abcdefgh".repeat(1000);
  assert.deepEqual(encoded(encoder, word), new Library(tokenizer, {}).encode(word, { add_special_tokens: false }).ids);
  assert.throws(() => encoded(encoder, "x".repeat(300_000)), RowError);
});

test("a full table forgets nothing that is in it, and takes no more", () => {
  const table = new WordTable(1000);
  const texts = new TextUnits();
  // Short ones and long ones, of few ids and many, of ASCII and others.
  const word = (i: number) => (i % 3 === 0 ? `w${i}` : i % 3 === 1 ? `é${i}` : `longer words ${i}`);
  const idsOf = (i: number) => Uint32Array.from({ length: 1 + (i % 3 === 0 ? i % 5 : i % 9) }, (_, at) => i + at);
  for (let i = 0; i < 1500; i++) table.add(texts.of(`-${word(i)}`), 1, 1 + word(i).length, idsOf(i));
  assert.equal(table.size, 1000);
  for (let i = 0; i < 1500; i++) {
    const ids = new GrowableUint32();
    assert.equal(table.append(texts.of(`--${word(i)}-`), 2, 2 + word(i).length, ids), i < 1000, word(i));
    assert.deepEqual(ids.values(), i < 1000 ? idsOf(i) : new Uint32Array());
  }
});

test("words that have the same bytes in another order, or a zero more, are other words", () => {
  const table = new WordTable(100);
  const texts = new TextUnits();
  const words = ["a", "\0a", "a\0", "ab", "ba", "abcdefgh", "bcdefgha", "abcdefg", "\u0161", "\u6100", "abcdefghi"];
  for (const [i, word] of words.entries()) table.add(texts.of(word), 0, word.length, Uint32Array.of(i));
  for (const [i, word] of words.entries()) {
    const ids = new GrowableUint32();
    assert.ok(table.append(texts.of(word), 0, word.length, ids));
    assert.deepEqual([...ids.values()], [i]);
  }
});
