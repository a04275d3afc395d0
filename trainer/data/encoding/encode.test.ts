import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Example, RowError } from "../rows/example.ts";
import { type Codec, type CodecTexts, codecOf } from "./codec.ts";
import { encodeExample } from "./encode.ts";
import type { TrainOn } from "./pieces.ts";
import { questionOf } from "./questions.ts";

/** The tests' model with changed files. */
const codecFrom = (changes: Partial<CodecTexts>): Promise<Codec> =>
  codecOf({
    tokenizer: JSON.stringify(tinyTokenizerJson()),
    config: JSON.stringify(tinyTokenizerConfig()),
    ...changes,
  });
const codecWith = (template: string) => codecFrom({ templates: { default: template } });
const codec = await codecWith(chatMl);
const { tokenizer } = codec;

const eos = 257;
const whole = Number.POSITIVE_INFINITY;
/** Text of the trained tokens, `$` for the end of sequence; sequences apart by `|`. */
async function learnt(example: Example, trainOn: TrainOn, using = codec): Promise<string> {
  const { sequences } = await encodeExample(
    example,
    { trainOn, truncation: "End", textOverlap: 1, maxTokens: whole },
    using,
  );
  const texts = sequences.map(({ tokens, trained }) => {
    const kept = [...tokens].filter((_, index) => trained[index] === 1);
    return kept.map((id) => (id === eos ? "$" : tokenizer.decode([id]))).join("");
  });
  return texts.join("|");
}

/** Text of each sequence, special tokens and all. */
async function texts(example: Example, trainOn: TrainOn, using = codec): Promise<string[]> {
  const { sequences } = await encodeExample(
    example,
    { trainOn, truncation: "End", textOverlap: 1, maxTokens: whole },
    using,
  );
  return sequences.map(({ tokens }) => using.tokenizer.display([...tokens]));
}

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

test("only answers and their end tokens are trained", async () => {
  assert.equal(await learnt(conversation, "Responses"), "yes$no$");
  assert.equal(await learnt(conversation, "LastResponse"), "no$");
  assert.equal((await learnt(conversation, "All")).replace(/\n/g, "~").slice(0, 20), "system~be brief$~use");
  assert.equal(await learnt({ kind: "promptCompletion", prompt: "2+2=", completion: "4" }, "Responses"), "4$");
  assert.equal(await learnt({ kind: "text", text: "abc" }, "Responses"), "bc$");
});

test("a whole conversation is encoded as its rendering", async () => {
  const { sequences } = await encodeExample(
    conversation,
    { trainOn: "All", truncation: "End", textOverlap: 1, maxTokens: whole },
    codec,
  );
  assert.deepEqual([...sequences[0]!.tokens], await tokenizer.encode(codec.template!.render(conversation, false)));
});

test("an answer gets an end token if the template writes none", async () => {
  const plain = await codecWith(
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
  );
  const one: Example = { kind: "messages", messages: conversation.messages.slice(0, 3) };
  assert.equal(await learnt(one, "Responses", plain), "yes\n$");
});

/** Thoughts are written only for the last answer, as in Qwen 3. */
const forgetful = await codecWith(
  "{% for m in messages %}{{ '<|im_start|>' + m.role + ':' }}" +
    "{% if m.role == 'assistant' and loop.last %}(thinks){% endif %}{{ m.content }}<|im_end|>{% endfor %}" +
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}",
);

test("if a template changes earlier turns, each answer is trained in the context of its generation", async () => {
  assert.equal(await learnt(conversation, "Responses", forgetful), "(thinks)yes$|(thinks)no$");
  assert.equal(await learnt(conversation, "LastResponse", forgetful), "(thinks)no$");
  const [first, second] = await texts(conversation, "Responses", forgetful);
  assert.match(first!, /assistant:\(thinks\)yes<\|im_end\|>$/);
  assert.match(second!, /assistant:yes<\|im_end\|><\|im_start\|>user:two\?/);
  const [all, ...others] = await texts(conversation, "All", forgetful);
  assert.equal(all, forgetful.template!.render(conversation, false));
  assert.deepEqual(others, []);
});

test("an answer that does not begin with the template's generation prompt is refused", async () => {
  const thinking = await codecWith(
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}",
  );
  await assert.rejects(
    encodeExample(
      conversation,
      { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: whole },
      thinking,
    ),
    /uncertain/,
  );
});

test("an answer of weight 0 is context and is not trained", async () => {
  assert.equal(await learnt({ ...conversation, untrained: [2] }, "Responses"), "no$");
  assert.equal((await learnt({ ...conversation, untrained: [2] }, "All")).includes("yes"), false);
  await assert.rejects(learnt({ ...conversation, untrained: [4] }, "LastResponse"), /no token of it would be trained/);
  await assert.rejects(learnt({ ...conversation, untrained: [2] }, "All", forgetful), /weight 0/);
});

test("a turn ends with its own special token if that is not the end of sequence", async () => {
  const gemma = await codecWith(
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|pad|>\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  );
  assert.equal(await learnt(conversation, "Responses", gemma), "yesno");
  for (const trainOn of ["Responses", "All"] as const) {
    const [text] = await texts(conversation, trainOn, gemma);
    assert.ok(text!.trimEnd().endsWith("no<|pad|>"), text);
  }
});

/** ChatML on a base whose `eos_token` differs from the token that ends turns. */
const foreignEnd = await codecFrom({ config: JSON.stringify({ ...tinyTokenizerConfig(), eos_token: "<|pad|>" }) });

test("an answer that contains end tokens is trained whole, up to the template's end of the turn", async () => {
  for (const content of [
    "Use <s>10</s><|pad|> and then 8.",
    "<|pad|>",
    "one<|im_end|>\ntwo",
    "it ends with <|pad|>",
    "it ends with <|im_end|>",
    "  <|pad|>  \n",
  ]) {
    const messages = [
      { role: "user", content: "which?" },
      { role: "assistant", content },
      { role: "user", content: "again<|im_end|>?" },
      { role: "assistant", content: "no" },
    ];
    const options = { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: whole } as const;
    const { sequences } = await encodeExample({ kind: "messages", messages }, options, foreignEnd);
    assert.equal(sequences.length, 1);
    const trained = [...sequences[0]!.tokens].filter((_, index) => sequences[0]!.trained[index] === 1);
    assert.equal(foreignEnd.tokenizer.display(trained), `${content}<|im_end|>no<|im_end|>`);
  }
});

test("a template that writes the end of sequence after the last turn leaves each turn its own end", async () => {
  const phi = await codecFrom({
    config: JSON.stringify({ ...tinyTokenizerConfig(), eos_token: "<|pad|>" }),
    templates: {
      default:
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% else %}{{ eos_token }}{% endif %}",
    },
  });
  const given = await texts(conversation, "Responses", phi);
  assert.equal(given.length, 1);
  assert.match(given[0]!, /assistant\nyes<\|im_end\|>\n<\|im_start\|>user\ntwo\?.*assistant\nno<\|im_end\|>$/s);
});

test("an answer ends at the end tokens of the tokenizer, of both configurations and of the template", async () => {
  const json = JSON.stringify;
  const config = json({ ...tinyTokenizerConfig(), eos_token: "<|pad|>" });
  const templates = { default: "{% for m in messages %}{{ m.content }}{% endfor %}" };
  const ends = async (changes: Partial<CodecTexts>) =>
    [...(await codecFrom({ config, ...changes })).endIds].sort((a, b) => a - b);
  assert.deepEqual(await ends({ templates }), [258]);
  assert.deepEqual(await ends({}), [257, 258]);
  assert.deepEqual(await ends({ templates, generationConfig: json({ eos_token_id: [256, 258] }) }), [256, 258]);
  assert.deepEqual(await ends({ templates, generationConfig: json({ eos_token_id: null }) }), [258]);
  assert.deepEqual(await ends({ templates, modelConfig: json({ eos_token_id: 65 }) }), [65, 258]);
  const both = { modelConfig: json({ eos_token_id: 65 }), generationConfig: json({ eos_token_id: 66 }) };
  assert.deepEqual(await ends({ templates, ...both }), [65, 66, 258]);
});

test("a text or a completion that ends with the end token gets no second one, and is compared without it", async () => {
  for (const ending of ["", "<|im_end|>", "<|im_end|>\n"]) {
    const example: Example = { kind: "promptCompletion", prompt: "2+2=", completion: `4${ending}` };
    assert.equal((await learnt(example, "Responses")).trimEnd(), "4$");
    assert.equal((await learnt({ kind: "text", text: `abc${ending}` }, "Responses")).trimEnd(), "bc$");
    assert.equal((await questionOf(example, codec)).reference, "4");
  }
});

test("an example without an answer is an error, also when truncation removes it", async () => {
  const question: Example = { kind: "messages", messages: [{ role: "user", content: "hello?" }] };
  await assert.rejects(learnt(question, "Responses"), RowError);
  const example: Example = { kind: "promptCompletion", prompt: "0123456789", completion: "ab" };
  const cut = await encodeExample(
    example,
    { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: 11 },
    codec,
  );
  assert.deepEqual([...cut.sequences[0]!.trained], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.equal(cut.truncated, true);
  await assert.rejects(
    encodeExample(example, { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: 10 }, codec),
    /begins after 10 tokens/,
  );
});

test("a question is the conversation up to the answer", async () => {
  const { prompt, reference } = await questionOf(conversation, codec);
  assert.equal(reference, "no");
  assert.ok(tokenizer.decode([...prompt]).endsWith("assistant\n"));
});

test("in every conversation exactly the tokens of answers are trained", async () => {
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
    assert.equal(await learnt({ kind: "messages", messages }, "Responses"), byteText(answers.join("")));
    assert.equal(await learnt({ kind: "messages", messages }, "LastResponse"), byteText(answers.at(-1)!));
  }
});

/** The tests' tokenizer decodes byte by byte, so non-ASCII text becomes replacement characters. */
const byteText = (text: string) =>
  [...Buffer.from(text)].map((byte) => (byte < 128 ? String.fromCharCode(byte) : "\ufffd")).join("");

test("an unusable tokenizer or template is refused by name", async () => {
  const config = tinyTokenizerConfig();
  const json = JSON.stringify;
  const cases: [Partial<CodecTexts>, RegExp][] = [
    [{ tokenizer: "{" }, /tokenizer\.json: not JSON/],
    [{ config: "[]" }, /tokenizer_config\.json/],
    [
      { config: json({ ...config, eos_token: null }) },
      /eos_token is set neither in tokenizer_config\.json nor in special/,
    ],
    [{ config: json({ ...config, eos_token: "</s>" }) }, /no token "<\/s>"/],
    [{ specialTokensMap: json({ eos_token: 3 }) }, /special_tokens_map\.json: /],
    [{ generationConfig: json({ eos_token_id: "1" }) }, /generation_config\.json: eos_token_id/],
    [{ modelConfig: json({ eos_token_id: [1, -1] }) }, /config\.json: eos_token_id/],
    [{ tokenizer: json({ model: { type: "Unknown" } }) }, /tokenizer\.json: cannot be loaded/],
    [{ templates: { default: "{% for %}" } }, /cannot be parsed/],
    [{ templates: { default: "x".repeat(1_000_001) } }, /1000001 characters/],
  ];
  for (const [changes, reason] of cases) await assert.rejects(codecFrom(changes), reason);
  const refusing = await codecWith("{{ raise_exception('no') }}");
  assert.throws(() => refusing.template!.render({ messages: [] }, false), /refuses it/);
});
