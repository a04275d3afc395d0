import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../testing/tinyModel.ts";
import { ChatTemplate } from "./chatTemplate.ts";
import { type Codec, encodeExample, questionOf, truncate } from "./encode.ts";
import { detectFormat, type Example, isHeldOut, RowError, readExample, textHash } from "./example.ts";
import { Tokenizer } from "./tokenizer.ts";

const tokenizer = new Tokenizer(JSON.stringify(tinyTokenizerJson()), JSON.stringify(tinyTokenizerConfig()));
const codecWith = (template: string): Codec => ({ tokenizer, template: new ChatTemplate(template, tokenizer.special) });
const codec = codecWith(chatMl);

const eos = 257;
/** Text of the trained tokens, `$` for the end of sequence. */
function learnt(example: Example, trainOn: "Responses" | "LastResponse" | "All", using = codec): string {
  const { tokens, trained } = encodeExample(example, trainOn, using);
  const kept = [...tokens].filter((_, index) => trained[index] === 1);
  return kept.map((id) => (id === eos ? "$" : tokenizer.decode([id]))).join("");
}

const conversation: Example = {
  kind: "messages",
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "one?" },
    { role: "assistant", content: "yes" },
    { role: "user", content: "two?" },
    { role: "assistant", content: "no" },
  ],
};

test("answers and their ends are learnt, and nothing else", () => {
  assert.equal(learnt(conversation, "Responses"), "yes$no$");
  assert.equal(learnt(conversation, "LastResponse"), "no$");
  assert.equal(learnt(conversation, "All").replace(/\n/g, "|").slice(0, 20), "system|be brief$|use");
  assert.equal(learnt({ kind: "promptCompletion", prompt: "2+2=", completion: "4" }, "Responses"), "4$");
  assert.equal(learnt({ kind: "text", text: "abc" }, "Responses"), "bc$");
});

test("a whole conversation is encoded as its rendering", () => {
  const { tokens } = encodeExample(conversation, "All", codec);
  assert.deepEqual([...tokens], tokenizer.encode(codec.template!.render(conversation.messages, false)));
});

test("an answer learns to stop where the template writes no end", () => {
  const plain = codecWith(
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
  );
  const one: Example = { kind: "messages", messages: conversation.messages.slice(0, 3) };
  assert.equal(learnt(one, "Responses", plain), "yes\n$");
});

test("a template that alters earlier turns is refused", () => {
  const forgetful = codecWith(
    "{{ messages | length }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}",
  );
  assert.throws(() => encodeExample(conversation, "Responses", forgetful), /not certain/);
});

test("an example without an answer is an error, also after truncation", () => {
  const question: Example = { kind: "messages", messages: [{ role: "user", content: "hello?" }] };
  assert.throws(() => encodeExample(question, "Responses", codec), RowError);
  const whole = encodeExample({ kind: "promptCompletion", prompt: "0123456789", completion: "ab" }, "Responses", codec);
  assert.deepEqual([...truncate(whole, 11).trained], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.throws(() => truncate(whole, 10), /begins after 10 tokens/);
});

test("a question is the conversation up to the answer", () => {
  const { prompt, reference } = questionOf(conversation, codec);
  assert.equal(reference, "no");
  assert.ok(tokenizer.decode([...prompt]).endsWith("assistant\n"));
});

test("rows are read by their fields, and faults are named", () => {
  assert.equal(detectFormat({ prompt: "a", completion: "b" }), "PromptCompletion");
  assert.throws(() => detectFormat({ question: "a" }), /cannot be detected/);
  assert.throws(() => readExample({ messages: [{ role: "user", content: 3 }] }, "Messages"), /messages\.0\.content/);
  assert.throws(() => readExample({ messages: [{ role: "tool", content: "x" }] }, "Messages"), /messages\.0\.role/);
});

test("copies that differ in case and spaces are held out together", () => {
  const a = textHash({ kind: "text", text: "Hello  World" });
  const b = textHash({ kind: "text", text: "hello world\n" });
  assert.deepEqual(a, b);
  const share = Array.from({ length: 4000 }, (_, i) => textHash({ kind: "text", text: `t${i}` })).filter((hash) =>
    isHeldOut(hash, 0.1),
  );
  assert.ok(Math.abs(share.length / 4000 - 0.1) < 0.02, String(share.length));
});
