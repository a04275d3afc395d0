import assert from "node:assert/strict";
import { test } from "node:test";
import { balanced, chatExample, splitOf, textDigest } from "./example.ts";

const mail = { subject: "Lunch", body: "At noon in the usual place?" };

test("an example is a user's question and the label alone as the answer", () => {
  const { messages } = chatExample(mail, "ham");
  assert.equal(messages[0].content, "Is this e-mail spam or ham?\n\nSubject: Lunch\n\nAt noon in the usual place?");
  assert.deepEqual(messages[1], { role: "assistant", content: "ham" });
});

test("the split follows from the normalised text: copies in other case or layout never cross", () => {
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

test("balancing keeps as many of each class, ordered by digest, the larger class's first", () => {
  const of = (digest: string, label: "spam" | "ham") => ({ digest, label });
  const mails = [of("d", "ham"), of("b", "spam"), of("c", "ham"), of("a", "ham"), of("e", "spam")];
  assert.deepEqual(
    balanced(mails).map(({ digest }) => digest),
    ["a", "b", "c", "e"],
  );
});
