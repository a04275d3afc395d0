import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { OpenSpeaker } from "../cli/speaker.ts";
import { beforeAndAfter, firstOfEach } from "./beforeAfter.ts";

const line = (subject: string, answer: string) =>
  JSON.stringify({
    messages: [
      { role: "user", content: `Is this e-mail spam or ham?\n\nSubject: ${subject}\n\ntext` },
      { role: "assistant", content: answer },
    ],
  });

const jsonl = [line("a", "ham"), line("b", "ham"), line("c", "spam"), line("d", "ham")].join("\n");

test("both models are asked the first examples of each answer, in order", () => {
  assert.deepEqual(
    firstOfEach(jsonl, 1).map(({ reference }) => reference),
    ["ham", "spam"],
  );
  assert.equal(firstOfEach(jsonl, 2).length, 3);
});

/** A speaker with a fixed answer. */
const answering = (text: string) => async (): Promise<OpenSpeaker> => ({
  async *speak() {
    yield text;
  },
  close() {},
});

test("the table shows both answers beside the correct one", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-demo-"));
  try {
    const file = path.join(directory, "test.jsonl");
    writeFileSync(file, jsonl);
    const lines = await beforeAndAfter(file, answering("\n  "), answering("spam"), new AbortController().signal);
    assert.match(lines[0] ?? "", /^held-out e-mail +before +after +right$/);
    assert.match(lines[1] ?? "", /^a +\(nothing\) +spam +ham$/);
    assert.match(lines[3] ?? "", /^c +\(nothing\) +spam +spam$/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
