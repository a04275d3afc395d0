import assert from "node:assert/strict";
import { test } from "node:test";
import { centuryOfSpeech, continuation, halves, passages, subjectLine } from "./passages.ts";

test("a passage is whole sentences up to the limit", () => {
  assert.deepEqual(passages("One two. Three four! Five six? Seven.", 21), ["One two. Three four!", "Five six? Seven."]);
});

test("passages lose and add only white space, and none exceeds the limit", () => {
  const text = `${"word ".repeat(60)}. Short one. ${"x".repeat(95)} end.`;
  const parts = passages(text, 40);
  assert.equal(parts.join("").replace(/\s/g, ""), text.replace(/\s/g, ""));
  assert.ok(parts.every((part) => part.length <= 40 && part === part.trim() && part !== ""));
});

test("an empty text has no passage", () => {
  assert.deepEqual(passages("  "), []);
});

test("a continuation has the first half as its question and the second as its answer", () => {
  assert.deepEqual(halves("one two three four"), ["one two three", "four"]);
  assert.equal(halves("word"), undefined);
  const [document] = continuation("speech", "one two three four");
  assert.deepEqual(
    document?.messages.map(({ content }) => content),
    ["Continue this speech.\n\none two three", "four"],
  );
});

test("centuries are counted from the year 1", () => {
  const answer = (year: number) => centuryOfSpeech(year, "…").messages[1].content;
  assert.deepEqual([1790, 1800, 1801, 1999, 2001].map(answer), ["18th", "18th", "19th", "20th", "21st"]);
});

test("an e-mail without a subject gives no subject-line chat", () => {
  assert.deepEqual(subjectLine("", "body"), []);
});
