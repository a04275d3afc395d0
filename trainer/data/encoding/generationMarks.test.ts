/** Chat templates with `{% generation %}` marks: what they enclose is trained. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Example, RowError } from "../rows/example.ts";
import { codecOf } from "./codec.ts";
import { encodeExample } from "./encode.ts";
import type { TrainOn } from "./pieces.ts";

type Conversation = Extract<Example, { kind: "messages" }>;
const conversation: Conversation = {
  kind: "messages",
  messages: [
    { role: "user", content: "one?" },
    { role: "assistant", content: "yes" },
    { role: "user", content: "two?" },
    { role: "assistant", content: "no" },
  ],
};

const end = "<|im_end|>";

/** Each sequence as text, with its trained parts in brackets. */
async function marked(template: string, trainOn: TrainOn = "Responses", changes: Partial<Conversation> = {}) {
  const codec = await codecOf({
    tokenizer: JSON.stringify(tinyTokenizerJson()),
    config: JSON.stringify(tinyTokenizerConfig()),
    templates: { default: template },
  });
  const options = { trainOn, truncation: "End", textOverlap: 1, maxTokens: 1e6 } as const;
  const { sequences } = await encodeExample({ ...conversation, ...changes }, options, codec);
  return sequences.map(({ tokens, trained }) => {
    const parts = [...tokens].map((token, at) => {
      const [opens, closes] = [trained[at] && !trained[at - 1], trained[at] && !trained[at + 1]];
      return `${opens ? "[" : ""}${codec.tokenizer.display([token])}${closes ? "]" : ""}`;
    });
    return parts.join("").replaceAll(end, "$");
  });
}

const turns = (answer: string, after = "") =>
  `{% for m in messages %}{% if m.role == 'assistant' %}A:${answer}{% else %}{{ 'Q:' + m.content + '${end}' }}{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}${after}`;

test("a template's marks decide what is trained, also before the end token's line feed and after it", async () => {
  const whole = turns(`{% generation %}{{ m.content + '${end}\\n' }}{% endgeneration %}`);
  assert.deepEqual(await marked(whole), ["Q:one?$A:[yes$\n]Q:two?$A:[no$\n]"]);
  assert.deepEqual(await marked(whole, "LastResponse"), ["Q:one?$A:yes$\nQ:two?$A:[no$\n]"]);
  assert.deepEqual(await marked(whole, "Responses", { untrained: [1] }), ["Q:one?$A:yes$\nQ:two?$A:[no$\n]"]);
  const text = turns(`{% generation %}{{ m.content }}{% endgeneration %}${end}`);
  assert.deepEqual(await marked(text), ["Q:one?$A:[yes]$Q:two?$A:[no]"]);
});

test("several marked parts of an answer are trained, and what is between them is not", async () => {
  const two = turns(
    `{% generation %}{{ m.content }}{% endgeneration %}, {% generation %}{{ m.content + '${end}' }}{% endgeneration %}`,
  );
  assert.deepEqual(await marked(two), ["Q:one?$A:[yes], [yes$]Q:two?$A:[no], [no$]"]);
});

test("marked text that only the last answer has stays with it, and the conversation is one sequence", async () => {
  const after =
    "{% if messages[-1].role == 'assistant' %}{% generation %}{{ '<|pad|>' }}{% endgeneration %}{% endif %}";
  const template = turns(`{% generation %}{{ m.content + '${end}' }}{% endgeneration %}`, after);
  assert.deepEqual(await marked(template), ["Q:one?$A:[yes$]Q:two?$A:[no$<|pad|>]"]);
});

test("marks that begin before the end of the generation prompt are kept", async () => {
  const early = `{% for m in messages %}{% if m.role == 'assistant' %}A{% generation %}{{ ':' + m.content + '${end}' }}{% endgeneration %}{% else %}{{ 'Q:' + m.content + '${end}' }}{% endif %}{% endfor %}{% if add_generation_prompt %}A:{% endif %}`;
  assert.deepEqual(await marked(early), ["Q:one?$A[:yes$]Q:two?$A[:no$]"]);
});

test("white space around marks is controlled as around other tags, and they add no text", async () => {
  const controlled = `{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {{- 'A:' }}
        {%- generation %}
        {{- m.content + '${end}' }}
        {%- endgeneration -%}
    {%- else %}
        {{- 'Q:' + m.content + '${end}' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}A:{% endif %}`;
  assert.deepEqual(await marked(controlled), ["Q:one?$A:[yes$]Q:two?$A:[no$]"]);
  const loose = turns(`\n  {% generation %}\n{{ m.content }}\n  {% endgeneration %}\n${end}`);
  assert.deepEqual(await marked(loose), [`Q:one?$A:\n[yes\n]$Q:two?$A:\n[no\n]`]);
});

test("an answer without marks in a template that has some ends as without marks", async () => {
  const some = turns(
    `{% if m.content == 'no' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}${end}`,
  );
  assert.deepEqual(await marked(some), ["Q:one?$A:[yes$]Q:two?$A:[no]"]);
});

test("the noncharacters that stand for marks are refused in a text under such a template alone, by name", async () => {
  const plain = turns(`{{ m.content }}${end}`);
  const messages = [conversation.messages[0]!, { role: "assistant", content: "\ufdd0" }];
  assert.deepEqual(await marked(plain, "All", { messages }), ["Q[:one?$A:\ufffd\ufffd\ufffd$]"]);
  const template = turns(`{% generation %}{{ m.content + '${end}' }}{% endgeneration %}`);
  for (const content of ["a\ufdd0b", "a\ufdd1b"]) {
    const messages = [conversation.messages[0]!, { role: "assistant", content }];
    await assert.rejects(marked(template, "Responses", { messages }), (error) => {
      return error instanceof RowError && /noncharacter U\+FDD0 or U\+FDD1/.test(error.message);
    });
  }
});
