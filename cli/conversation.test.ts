import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { converse, type Message, type Speaker, show } from "./conversation.ts";

/** Answers with the number of messages that it received. */
const counting: Speaker = async function* (messages) {
  yield "heard ";
  yield String(messages.length);
};

async function talk(input: string, speak: Speaker = counting): Promise<string> {
  const output = new PassThrough();
  const { signal } = new AbortController();
  await converse(speak, { input: Readable.from([input]), output, signal, interrupt: () => assert.fail() });
  return String(output.read() ?? "");
}

test("each answer is based on all earlier messages", async () => {
  assert.equal(await talk("one\n\ntwo\n"), "heard 1\nheard 3\n");
});

test("/new clears the messages and /quit ends the chat", async () => {
  assert.equal(await talk("one\n/new\ntwo\n/quit\nthree\n"), "heard 1\nheard 1\n");
});

test("the answer becomes part of the chat", async () => {
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

test("Ctrl-C on a terminal ends the answer and the chat", async () => {
  const controller = new AbortController();
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough();
  const speak: Speaker = async function* (_, signal) {
    for (let word = 1; word <= 12 && !signal.aborted; word += 1) {
      yield `word ${word} `;
      if (word === 2) input.write("\x03");
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  input.write("hello\nand then\n");
  await converse(speak, { input, output, signal: controller.signal, interrupt: () => controller.abort() });
  const printed = String(output.read());
  assert.match(printed, /word 2 /);
  assert.doesNotMatch(printed, /word 12|word 1 .*word 1 /s);
});

const thinking: Speaker = async function* (_, signal, onThought) {
  onThought?.("Sums ");
  onThought?.("are easy.");
  if (!signal.aborted) yield "4";
};

test("thoughts are no part of the chat, and are shown on a terminal alone", async () => {
  const shown = async (speak: Speaker, terminal: boolean) => {
    let [text, lines] = ["", ""];
    const answer = await show(speak, [], {
      write: (piece) => {
        text += stripVTControlCharacters(piece);
      },
      print: (line) => {
        lines += line;
      },
      signal: new AbortController().signal,
      terminal,
    });
    return { answer, text, lines };
  };
  assert.deepEqual(await shown(thinking, true), { answer: "4", text: "Sums are easy.\n\n4\n", lines: "" });
  assert.deepEqual(await shown(thinking, false), { answer: "4", text: "4\n", lines: "" });
  const endless: Speaker = async function* (_, __, onThought) {
    onThought?.("Hm.");
    yield "";
  };
  const { text, lines } = await shown(endless, false);
  assert.equal(text, "\n");
  assert.match(lines, /raise --max-tokens/);
});
