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

test("in any conversation, every trained token is an answer's, and every answer's token is trained", () => {
  let state = 11;
  const random = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  const pieces = ["yes", " ", "\n", "é", "日本", "<b>", "{{x}}", "assistant\n", "?", "  two  "];
  const words = () => Array.from({ length: 1 + random(6) }, () => pieces[random(pieces.length)]).join("");
  for (let round = 0; round < 200; round++) {
    const turns = 1 + random(4);
    const messages = Array.from({ length: 2 * turns }, (_, i) => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content: words(),
    }));
    const answers = messages.filter(({ role }) => role === "assistant").map(({ content }) => `${content}$`);
    assert.equal(learnt({ kind: "messages", messages }, "Responses"), byteText(answers.join("")));
    assert.equal(learnt({ kind: "messages", messages }, "LastResponse"), byteText(answers.at(-1)!));
  }
});

/** As the tests' tokenizer decodes one byte at a time: what is not ASCII becomes replacement characters. */
const byteText = (text: string) =>
  [...Buffer.from(text)].map((byte) => (byte < 128 ? String.fromCharCode(byte) : "\ufffd")).join("");

test("a tokenizer or a template that cannot be used is refused by name", () => {
  const config = tinyTokenizerConfig();
  const make = (tokenizerJson: unknown, settings: object) => () =>
    new Tokenizer(JSON.stringify(tokenizerJson), JSON.stringify(settings));
  const metaspace = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true };
  const vocab = { "\u2581a": 0, a: 1, "\u2581": 2, "<|im_end|>": 3, "<|pad|>": 4 };
  const spaced = { ...tinyTokenizerJson(), pre_tokenizer: metaspace };
  const cases: [() => unknown, RegExp][] = [
    [() => new Tokenizer("{", JSON.stringify(config)), /tokenizer\.json: not JSON/],
    [() => new Tokenizer(JSON.stringify(tinyTokenizerJson()), "[]"), /tokenizer_config\.json/],
    [make(tinyTokenizerJson(), { ...config, eos_token: null }), /eos_token is not set/],
    [make(tinyTokenizerJson(), { ...config, eos_token: "</s>" }), /no token "<\/s>"/],
    [make({ model: { type: "Unknown" } }, config), /tokenizer\.json: cannot be used/],
    [
      make({ ...spaced, model: { ...spaced.model, vocab, merges: [] }, added_tokens: [] }, config),
      /a space before every/,
    ],
    [() => codecWith("{% for %}"), /cannot be parsed/],
    [() => codecWith("x".repeat(1_000_001)), /1000001 characters/],
  ];
  for (const [attempt, reason] of cases) assert.throws(attempt, reason);
  assert.throws(() => codecWith("{{ raise_exception('no') }}").template!.render([], false), /refuses it/);
});
