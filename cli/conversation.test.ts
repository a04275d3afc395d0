import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { converse, type Message, type Speaker } from "./conversation.ts";

/** Says how many messages it has heard. */
const counting: Speaker = async function* (messages) {
  yield "heard ";
  yield String(messages.length);
};

async function talk(input: string, speak: Speaker = counting): Promise<string> {
  const output = new PassThrough();
  await converse(speak, Readable.from([input]), output, new AbortController().signal);
  return String(output.read() ?? "");
}

test("each line is answered with all that was said before", async () => {
  assert.equal(await talk("one\n\ntwo\n"), "heard 1\nheard 3\n");
});

test("/new forgets, /quit ends", async () => {
  assert.equal(await talk("one\n/new\ntwo\n/quit\nthree\n"), "heard 1\nheard 1\n");
});

test("the answer becomes part of the talk", async () => {
  const heard: (readonly Message[])[] = [];
  await talk("a\nb\n", async function* (messages) {
    heard.push(messages);
    yield "x";
  });
  assert.deepEqual(heard[1], [
    { role: "user", content: "a" },
    { role: "assistant", content: "x" },
    { role: "user", content: "b" },
  ]);
});
