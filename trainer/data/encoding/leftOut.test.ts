import assert from "node:assert/strict";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Example, type JsonObject, type Message, OverlongError, RowError } from "../rows/example.ts";
import { type Codec, codecOf } from "./codec.ts";
import { encodeExample } from "./encode.ts";
import { piecesOf, type TrainOn } from "./pieces.ts";
import { questionOf } from "./questions.ts";

const codecWith = (template: string): Promise<Codec> =>
  codecOf({
    tokenizer: JSON.stringify(tinyTokenizerJson()),
    config: JSON.stringify(tinyTokenizerConfig()),
    templates: { default: template },
  });

/** ChatML; `answer` writes the content of an answer, and `asks` follows the start of an answer. */
const chatMl = (answer = "m.content", asks = "") =>
  codecWith(
    `{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{{ ${answer} }}{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}` +
      `{% if add_generation_prompt %}{{ '<|im_start|>assistant\n${asks}' }}{% endif %}`,
  );

interface Rest {
  tools?: JsonObject[];
  context?: number;
  trainOn?: TrainOn;
  maxTokens?: number;
}

/** Pieces are synchronous and tokens asynchronous; errors of both reject here. */
async function encode(
  messages: Message[],
  codec: Promise<Codec>,
  { trainOn = "Responses", maxTokens = 1000, ...rest }: Rest = {},
) {
  return await encodeExample(
    { kind: "messages", messages, ...rest },
    { trainOn, truncation: "End", textOverlap: 1, maxTokens },
    await codec,
  );
}

async function learnt(messages: Message[], given: Promise<Codec>, rest: Rest = {}): Promise<string[]> {
  const [{ sequences }, { tokenizer }] = [await encode(messages, given, rest), await given];
  return sequences.map(({ tokens, trained }) =>
    tokenizer.decode([...tokens].filter((_, index) => trained[index] === 1)),
  );
}

const leftOut = async (messages: Message[], codec: Promise<Codec>, rest: Rest = {}) =>
  piecesOf({ kind: "messages", messages, ...rest }, "Responses", await codec).leftOut;

const user = (content: string): Message => ({ role: "user", content });
const answer = (content: string): Message => ({ role: "assistant", content });
const thoughts = [user("2+2?"), answer("<think>\nTwo and two.\n</think>\n\n4")];
const cut = "m.content.split('</think>')[-1]";

test("a template that prompts for thoughts but removes them from every answer is refused by name, with the fix", async () => {
  for (const messages of [thoughts, [user("2+2?"), answer("4")]]) {
    await assert.rejects(encode(messages, chatMl(cut, "<think>\\n")), {
      code: 20,
      reason: "TemplateUnsupported",
      message: /base model's chat template.*set dataset\.chatTemplate to another template/,
    });
  }
});

test("an answer without the thoughts that a template prompts for is the row's fault", async () => {
  const asking = chatMl("m.content", "<think>\\n");
  assert.deepEqual(await learnt(thoughts, asking), ["Two and two.\n</think>\n\n4"]);
  await assert.rejects(
    encode([user("2+2?"), answer("4")], asking),
    (error) => error instanceof RowError && /<think>/.test(error.message),
  );
});

test("a template that removes thoughts from an answer is reported, even if it does not prompt for them", async () => {
  await assert.rejects(
    encode(thoughts, chatMl(cut)),
    (error) => error instanceof RowError && /^messages\[1\]\.content: .*chat template omits/.test(error.message),
  );
  assert.deepEqual(await learnt([user("2+2?"), answer("4")], chatMl(cut)), ["4"]);
});

test("an answer whose tool calls a template omits is refused and not trained as an empty one", async () => {
  const call = { type: "function", function: { name: "weather", arguments: { city: "Ulm" } } } as const;
  const calling: Message[] = [user("?"), { role: "assistant", content: "", tool_calls: [call] }];
  await assert.rejects(
    encode(calling, chatMl()),
    (error) => error instanceof RowError && /^messages\[1\]\.tool_calls\[0\]: /.test(error.message),
  );
  const example: Example = { kind: "messages", messages: calling };
  await assert.rejects(questionOf(example, await chatMl()), /calls tools: there is no text/);
});

test("fields that a template omits are reported", async () => {
  const tools = [{ type: "function", function: { name: "weather" } }];
  const thinking: Message[] = [user("a"), { ...answer("b"), reasoning_content: "because" }];
  assert.deepEqual(await leftOut([user("a"), answer("b")], chatMl(), { tools }), ["tools (not in the chat template)"]);
  assert.deepEqual(await leftOut(thinking, chatMl()), ["reasoning (not in the chat template)"]);
  assert.deepEqual(await leftOut(thinking, chatMl("m.reasoning_content ~ m.content")), []);
  assert.deepEqual(await leftOut([user("a"), answer("b")], chatMl()), []);
});

test("a role that a template omits is reported, and so are the names of speakers", async () => {
  const spoken =
    "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  const system: Message = { role: "system", content: "Be brief." };
  const result: Message = { role: "tool", content: '{"city": "Oslo"}' };
  const messages = [system, { ...user("a"), name: "Ann" }, answer("b"), result, answer("c")];
  assert.deepEqual(await leftOut(messages, codecWith(spoken)), [
    "messages of the role system (not in the chat template)",
    "messages of the role tool (not in the chat template)",
    "names of speakers (not in the chat template)",
  ]);
  assert.deepEqual(await leftOut([system, user("a"), answer("b"), result, answer("c")], chatMl()), []);
  const escaped = codecWith(
    spoken.replace("m.role in ['user', 'assistant']", "true").replace("m.content", "(m.content | tojson)"),
  );
  assert.deepEqual(await leftOut([result, user("a\nb"), answer("b")], escaped), []);
  const named = codecWith(spoken.replace("m.role + ", "m.name|default('') + m.role + "));
  assert.deepEqual(await leftOut([{ ...user("a"), name: "Ann" }, answer("b")], named), []);
  assert.deepEqual(await leftOut([user("🙂"), answer("b")], codecWith(spoken)), []);
});

test("a template that omits the text of answers is reported as the template's fault", async () => {
  for (const template of ["''", "m.content[0].text"]) {
    await assert.rejects(encode([user("a"), answer("hello")], chatMl(template)), {
      code: 20,
      reason: "TemplateUnsupported",
      message: /omits the text of answers/,
    });
  }
  assert.deepEqual(await learnt([user("a"), answer(" hello ")], chatMl("m.content | trim | upper")), ["HELLO"]);
});

test("the text of an answer with tool calls is reported if a template writes only the calls", async () => {
  const call = { type: "function", function: { name: "weather", arguments: {} } } as const;
  const calling: Message[] = [user("?"), { role: "assistant", content: "Let me see.", tool_calls: [call] }];
  const calls = "m.tool_calls[0].function.name";
  assert.deepEqual(await leftOut(calling, chatMl(calls)), ["content beside tool calls (not in the chat template)"]);
  assert.deepEqual(await leftOut(calling, chatMl(`m.content ~ ${calls}`)), []);
});

test("the answers of a prompt are context and are trained only if every token is", async () => {
  const messages = [user("a"), answer("b"), user("c"), answer("d")];
  assert.deepEqual(await learnt(messages, chatMl(), { context: 3 }), ["d"]);
  assert.deepEqual(await learnt(messages, chatMl()), ["bd"]);
  assert.ok((await learnt(messages, chatMl(), { context: 3, trainOn: "All" }))[0]!.includes("b"));
});

test("an example that is too long is distinguished from a bad one", async () => {
  await assert.rejects(encode([user("x".repeat(100)), answer("b")], chatMl(), { maxTokens: 50 }), OverlongError);
  await assert.rejects(
    encode([user("x")], chatMl()),
    (error) => error instanceof RowError && !(error instanceof OverlongError),
  );
});
