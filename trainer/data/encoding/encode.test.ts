import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Example, RowError } from "../rows/example.ts";
import { ChatTemplate } from "../template/chatTemplate.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Codec, encodeExample, questionOf, type TrainOn } from "./encode.ts";

const tokenizer = new Tokenizer(JSON.stringify(tinyTokenizerJson()), JSON.stringify(tinyTokenizerConfig()));
const codecWith = (template: string): Codec => ({ tokenizer, template: new ChatTemplate(template, tokenizer.special) });
const codec = codecWith(chatMl);

const eos = 257;
const whole = Number.POSITIVE_INFINITY;
/** Text of the trained tokens, `$` for the end of sequence; sequences apart by `|`. */
function learnt(example: Example, trainOn: TrainOn, using = codec): string {
  const { sequences } = encodeExample(example, { trainOn, maxTokens: whole }, using);
  const texts = sequences.map(({ tokens, trained }) => {
    const kept = [...tokens].filter((_, index) => trained[index] === 1);
    return kept.map((id) => (id === eos ? "$" : tokenizer.decode([id]))).join("");
  });
  return texts.join("|");
}

/** Text of each sequence, special tokens and all. */
const texts = (example: Example, trainOn: TrainOn, using = codec) =>
  encodeExample(example, { trainOn, maxTokens: whole }, using).sequences.map(({ tokens }) =>
    tokenizer.display([...tokens]),
  );

const conversation: Extract<Example, { kind: "messages" }> = {
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
  assert.equal(learnt(conversation, "All").replace(/\n/g, "~").slice(0, 20), "system~be brief$~use");
  assert.equal(learnt({ kind: "promptCompletion", prompt: "2+2=", completion: "4" }, "Responses"), "4$");
  assert.equal(learnt({ kind: "text", text: "abc" }, "Responses"), "bc$");
});

test("a whole conversation is encoded as its rendering", () => {
  const { sequences } = encodeExample(conversation, { trainOn: "All", maxTokens: whole }, codec);
  assert.deepEqual([...sequences[0]!.tokens], tokenizer.encode(codec.template!.render(conversation, false)));
});

test("an answer learns to stop where the template writes no end", () => {
  const plain = codecWith(
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
  );
  const one: Example = { kind: "messages", messages: conversation.messages.slice(0, 3) };
  assert.equal(learnt(one, "Responses", plain), "yes\n$");
});

/** Thoughts are written for the last answer alone, as Qwen 3 does. */
const forgetful = codecWith(
  "{% for m in messages %}{{ '<|im_start|>' + m.role + ':' }}" +
    "{% if m.role == 'assistant' and loop.last %}(thinks){% endif %}{{ m.content }}<|im_end|>{% endfor %}" +
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}",
);

test("where a template alters earlier turns, each answer is learnt in the context in which it is asked for", () => {
  assert.equal(learnt(conversation, "Responses", forgetful), "(thinks)yes$|(thinks)no$");
  assert.equal(learnt(conversation, "LastResponse", forgetful), "(thinks)no$");
  const [first, second] = texts(conversation, "Responses", forgetful);
  assert.match(first!, /assistant:\(thinks\)yes<\|im_end\|>$/);
  assert.match(second!, /assistant:yes<\|im_end\|><\|im_start\|>user:two\?/);
  const [all, ...others] = texts(conversation, "All", forgetful);
  assert.equal(all, forgetful.template!.render(conversation, false));
  assert.deepEqual(others, []);
});

test("an answer that does not begin as the template asks for it is refused", () => {
  const thinking = codecWith(
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}",
  );
  assert.throws(() => encodeExample(conversation, { trainOn: "Responses", maxTokens: whole }, thinking), /not certain/);
});

test("an answer of weight 0 is seen and not learnt", () => {
  assert.equal(learnt({ ...conversation, untrained: [2] }, "Responses"), "no$");
  assert.equal(learnt({ ...conversation, untrained: [2] }, "All").includes("yes"), false);
  assert.throws(() => learnt({ ...conversation, untrained: [4] }, "LastResponse"), /no token of it would be learnt/);
  assert.throws(() => learnt({ ...conversation, untrained: [2] }, "All", forgetful), /weight 0/);
});

test("a turn ends with its own special token where that is not the end of sequence", () => {
  const gemma = codecWith(
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|pad|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  );
  assert.equal(learnt(conversation, "Responses", gemma), "yesno$");
  const [text] = texts(conversation, "Responses", gemma);
  assert.ok(text!.endsWith("no<|pad|><|im_end|>"));
});

test("an example without an answer is an error, also after truncation", () => {
  const question: Example = { kind: "messages", messages: [{ role: "user", content: "hello?" }] };
  assert.throws(() => learnt(question, "Responses"), RowError);
  const example: Example = { kind: "promptCompletion", prompt: "0123456789", completion: "ab" };
  const cut = encodeExample(example, { trainOn: "Responses", maxTokens: 11 }, codec);
  assert.deepEqual([...cut.sequences[0]!.trained], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.equal(cut.truncated, true);
  assert.throws(() => encodeExample(example, { trainOn: "Responses", maxTokens: 10 }, codec), /begins after 10 tokens/);
});

test("a question is the conversation up to the answer", () => {
  const { prompt, reference } = questionOf(conversation, codec);
  assert.equal(reference, "no");
  assert.ok(tokenizer.decode([...prompt]).endsWith("assistant\n"));
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
  const cases: [() => unknown, RegExp][] = [
    [() => new Tokenizer("{", JSON.stringify(config)), /tokenizer\.json: not JSON/],
    [() => new Tokenizer(JSON.stringify(tinyTokenizerJson()), "[]"), /tokenizer_config\.json/],
    [make(tinyTokenizerJson(), { ...config, eos_token: null }), /eos_token is not set/],
    [make(tinyTokenizerJson(), { ...config, eos_token: "</s>" }), /no token "<\/s>"/],
    [make({ model: { type: "Unknown" } }, config), /tokenizer\.json: model\.type/],
    [() => codecWith("{% for %}"), /cannot be parsed/],
    [() => codecWith("x".repeat(1_000_001)), /1000001 characters/],
  ];
  for (const [attempt, reason] of cases) assert.throws(attempt, reason);
  assert.throws(() => codecWith("{{ raise_exception('no') }}").template!.render({ messages: [] }, false), /refuses it/);
});
