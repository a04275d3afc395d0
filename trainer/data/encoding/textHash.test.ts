import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Example } from "../rows/example.ts";
import { copiesOf, isHeldOut, textHash } from "./textHash.ts";

test("duplicates that differ in case and spaces are held out together", () => {
  const a = textHash({ kind: "text", text: "Hello  World" });
  const b = textHash({ kind: "text", text: "hello world\n" });
  assert.deepEqual(a, b);
  const share = Array.from({ length: 4000 }, (_, i) => textHash({ kind: "text", text: `t${i}` })).filter((hash) =>
    isHeldOut(hash, 0.1),
  );
  assert.ok(Math.abs(share.length / 4000 - 0.1) < 0.02, String(share.length));
});

test("a weight is how often an epoch uses an example, and its fraction is a share of the examples, chosen by their text", () => {
  const hashes = Array.from({ length: 4000 }, (_, i) => textHash({ kind: "text", text: `t${i}` }));
  assert.ok(hashes.every((hash) => copiesOf(hash, 1) === 1 && copiesOf(hash, 3) === 3));
  const copies = hashes.map((hash) => copiesOf(hash, 2.25));
  assert.ok(copies.every((count) => count === 2 || count === 3));
  assert.ok(Math.abs(copies.filter((count) => count === 3).length / 4000 - 0.25) < 0.03);
  const kept = hashes.filter((hash) => copiesOf(hash, 0.5) === 1);
  assert.ok(
    kept.every((hash) => copiesOf(hash, 0.75) === 1),
    "a larger share holds the smaller one",
  );
});

/** The definition, over strings. */
function defined(lines: readonly string[]): number[] {
  const text = lines.map((line) => line.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim()).join("\n");
  const digest = createHash("sha256").update(text).digest();
  return [0, 4, 8, 12].map((at) => digest.readUInt32BE(at));
}

test("a text has the hash of its normal form, in Latin and other scripts and with every kind of white space", () => {
  let state = 3;
  const random = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  const pieces = [
    "a",
    "B",
    "Zz",
    " ",
    "  ",
    "\t\n",
    "\u000b\f\r",
    "\u001c",
    ".",
    "é",
    "E\u0301",
    "ﬁ",
    "\u00a0",
    "\u3000",
    "İ",
    "𝔘",
    "日本",
  ];
  const words = (ascii: boolean) =>
    Array.from({ length: random(7) }, () => pieces[random(ascii ? 10 : pieces.length)]).join("");
  for (let round = 0; round < 2000; round++) {
    const [a, b] = [words(round % 2 === 0), words(round % 3 === 0)];
    assert.deepEqual([...textHash({ kind: "promptCompletion", prompt: a, completion: b })], defined([a, b]));
    const example: Example = {
      kind: "messages",
      messages: [
        { role: "user", content: a },
        { role: "assistant", content: null, reasoning_content: b },
      ],
    };
    assert.deepEqual([...textHash(example)], defined([`user: ${a}`, `reasoning: ${b}`, "assistant: "]));
  }
  const long = `${"A  b\n".repeat(100_000)}é`;
  for (const text of [long, long.slice(0, -1)])
    assert.deepEqual([...textHash({ kind: "text", text })], defined([text]));
});
