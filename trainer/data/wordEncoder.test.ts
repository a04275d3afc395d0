import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { RowError } from "./example.ts";
import { WordEncoder } from "./wordEncoder.ts";
import { WordTable } from "./wordTable.ts";

const read = (path: string): object => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
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

for (const [kind, tokenizer] of kinds) {
  test(`any text is encoded as the library does it: ${kind}`, () => {
    const library = new Library(tokenizer, {});
    const encoder = WordEncoder.of(new Library(tokenizer, {}));
    assert.ok(encoder);
    const random = generator(5);
    for (let round = 0; round < 400; round++) {
      const text = Array.from({ length: random(60) }, () => pieces[random(pieces.length)]).join("");
      const ids: number[] = [];
      encoder.encode(text, ids);
      assert.deepEqual(
        ids,
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
  const ids: number[] = [];
  encoder.encode(word, ids);
  assert.deepEqual(ids, new Library(tokenizer, {}).encode(word, { add_special_tokens: false }).ids);
  assert.throws(() => encoder.encode("x".repeat(300_000), []), RowError);
});

test("a full table forgets nothing that is in it, and takes no more", () => {
  const table = new WordTable(1000);
  for (let i = 0; i < 1500; i++) table.add(`word ${i}`, [i, i + 1]);
  assert.equal(table.size, 1000);
  for (let i = 0; i < 1500; i++) {
    const ids: number[] = [];
    assert.equal(table.append(`-word ${i}-`, 1, 6 + String(i).length, ids), i < 1000);
    assert.deepEqual(ids, i < 1000 ? [i, i + 1] : []);
  }
});
