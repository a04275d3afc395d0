import assert from "node:assert/strict";
import { test } from "node:test";
import { balanced, chatExample, splitOf, textDigest } from "./example.ts";

const mail = { subject: "Lunch", body: "At noon in the usual place?" };

test("an example is a user's question with only the label as the answer", () => {
  const { messages } = chatExample(mail, "ham");
  assert.equal(messages[0].content, "Is this e-mail spam or ham?\n\nSubject: Lunch\n\nAt noon in the usual place?");
  assert.deepEqual(messages[1], { role: "assistant", content: "ham" });
});

test("the normalised text decides the split, so copies in other case or layout are in the same split", () => {
  const copy = { subject: "LUNCH", body: "at noon  in the usual place" };
  assert.equal(textDigest(copy), textDigest(mail));
  assert.notEqual(textDigest({ ...mail, body: "At one?" }), textDigest(mail));
});

test("the split is the digest's first 32 bits modulo 100, cut at 80 and 85", () => {
  const digest = (value: number) => value.toString(16).padStart(8, "0") + "0".repeat(56);
  const cases: [number, string][] = [
    [0, "train"],
    [79, "train"],
    [80, "validation"],
    [84, "validation"],
    [85, "test"],
    [99, "test"],
    [100, "train"],
  ];
  for (const [value, split] of cases) assert.equal(splitOf(digest(value)), split, String(value));
});

test("balancing keeps the same number of each class in the order of digests", () => {
  const of = (digest: string, label: "spam" | "ham") => ({ digest, label });
  const mails = [of("d", "ham"), of("b", "spam"), of("c", "ham"), of("a", "ham"), of("e", "spam")];
  assert.deepEqual(
    balanced(mails).map(({ digest }) => digest),
    ["a", "b", "c", "e"],
  );
});
