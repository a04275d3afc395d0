import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { Message } from "../data/rows/example.ts";
import { CacheForward } from "../engine/cacheForward.ts";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { Chat } from "./chat.ts";

async function open(t: TestContext, generationConfig?: object, template?: string): Promise<Chat> {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(directory, { contextLength: 1024 });
  if (generationConfig) await writeFile(`${directory}/generation_config.json`, JSON.stringify(generationConfig));
  if (template !== undefined) await writeFile(`${directory}/chat_template.jinja`, template);
  const chat = await Chat.open({
    model: await StoredModel.inDirectory(new Stores(), `file://${directory}`),
    threads: 1,
  });
  t.after(() => chat.close());
  return chat;
}

/** More tokens than two calls take; one token per byte. */
const long: Message[] = [{ role: "user", content: "tell me more. ".repeat(45) }];
const short: Message[] = [{ role: "user", content: "tell me more. tell me less." }];

async function answer(chat: Chat, messages: Message[]): Promise<string> {
  const options = { maxNewTokens: 12, temperature: 1, seed: 3, signal: new AbortController().signal };
  let text = "";
  for await (const piece of chat.answer(messages, options)) text += piece;
  return text;
}

test("an answer is the same after another conversation, and after one that failed at any of its calls", async (t) => {
  const expected = await answer(await open(t), short);
  const chat = await open(t);
  const { run } = CacheForward.prototype;
  for (const failing of [1, 2, 3]) {
    let calls = 0;
    const mocked = t.mock.method(
      CacheForward.prototype,
      "run",
      function (this: CacheForward, ...given: Parameters<typeof run>) {
        if (++calls === failing) throw new Error("broken");
        return run.apply(this, given);
      },
    );
    await assert.rejects(answer(chat, long), /broken/);
    mocked.mock.restore();
    assert.equal(calls, failing);
    await answer(chat, long);
    assert.equal(await answer(chat, short), expected);
  }
});

test("an answer ends at any of the model's end tokens", async (t) => {
  assert.notEqual(await answer(await open(t), short), "");
  const everyToken = Array.from({ length: 259 }, (_, id) => id);
  assert.equal(await answer(await open(t, { eos_token_id: everyToken }), short), "");
});

test("thoughts that the template marks by tokens are passed apart and are no part of the answer", async (t) => {
  const turn =
    "{% if m.role == 'assistant' %}{% if m.reasoning_content %}<|pad|>{{ m.reasoning_content }}<|pad|>{% endif %}{% endif %}{{ m.content }}<|im_end|>";
  const template = `{% for m in messages %}<|im_start|>${turn}{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}`;
  const chat = await open(t, undefined, template);
  const said = [258, ...Buffer.from("hm "), 258, ...Buffer.from(" ok"), 257];
  let at = 0;
  t.mock.method(CacheForward.prototype, "run", async () => Int32Array.of(said[at++]!));
  const thoughts: string[] = [];
  const pieces: string[] = [];
  const options = { maxNewTokens: 12, temperature: 0, seed: 3, signal: new AbortController().signal };
  const onThought = (piece: string) => thoughts.push(piece);
  for await (const piece of chat.answer(short, { ...options, onThought })) if (piece !== "") pieces.push(piece);
  assert.deepEqual(
    [thoughts, pieces],
    [
      ["h", "m", " "],
      ["o", "k"],
    ],
  );
});
