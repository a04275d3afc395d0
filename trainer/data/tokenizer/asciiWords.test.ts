import assert from "node:assert/strict";
import { test } from "node:test";
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { asciiWordEnds, undecided } from "./asciiWords.ts";
import { TextUnits } from "./textUnits.ts";

/** As the library reads a pattern of tokenizer.json. */
function expressionOf(written: string): RegExp {
  const { pattern } = new SplitPreTokenizer({ pattern: { Regex: written }, behavior: "Isolated" });
  assert.ok(pattern);
  return new RegExp(pattern.source, "uy");
}

const pieces = [
  ..."abz AZ 0189 \n\t\r\v\f.,;:'\"!?<>|_-()[]{}\0\u001c\u007f",
  ..."éßЖ好👍\u0301\u0085\u00a0\u2028\ufeff\u0130ſK٣²",
  ...[
    "'s",
    "'S",
    "'re",
    "'LL",
    "'Ve",
    "'d",
    "'x",
    "'",
    " '",
    "don't",
    "   ",
    "\r\n",
    "\n\n ",
    " 12345",
    "word",
    " Word",
    "...\n",
    "    ",
  ],
];

for (const [written, wordEnd] of asciiWordEnds) {
  test(`words of ASCII end where the pattern ends them: ${written}`, () => {
    const expression = expressionOf(written);
    const texts = new TextUnits();
    let state = 17;
    const random = (limit: number) => {
      state = (state * 48271) % 2147483647;
      return state % limit;
    };
    for (let round = 0; round < 4000; round++) {
      const most = round % 2 === 0 ? pieces.length : 44;
      const text = Array.from({ length: 1 + random(24) }, () => pieces[random(most)]).join("");
      const units = texts.of(text);
      for (let start = 0; start < text.length; start = expression.lastIndex) {
        expression.lastIndex = start;
        assert.ok(expression.test(text));
        const end = wordEnd(units, start, text.length);
        const ascii = /^[\0-\x7f]*$/.test(text.slice(start));
        if (end !== undecided || ascii) assert.equal(end, expression.lastIndex, JSON.stringify([text, start]));
      }
    }
  });
}
