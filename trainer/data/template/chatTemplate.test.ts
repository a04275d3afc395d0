import assert from "node:assert/strict";
import { test } from "node:test";
import { RowError } from "../rows/example.ts";
import { ChatTemplate } from "./chatTemplate.ts";

const special = { eosToken: "</s>" } as ConstructorParameters<typeof ChatTemplate>[1];
const messages = [{ role: "user", content: "hello" } as const];

test("a template that does not end is ended, and refused", () => {
  const loops = "{% for i in range(100000) %}".repeat(3) + "{% endfor %}".repeat(3);
  assert.throws(() => new ChatTemplate(loops, special).render({ messages }, true), {
    code: 20,
    reason: "TemplateTooSlow",
  });
});

test("a usual template renders many conversations in little time", () => {
  const template = new ChatTemplate(
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}",
    special,
  );
  const started = performance.now();
  for (let i = 0; i < 1000; i++) assert.equal(template.render({ messages }, false), "user: hello</s>");
  assert.ok(performance.now() - started < 5000, `${performance.now() - started}`);
});

const python: [template: string, text: string][] = [
  ["{{ none }} {{ true }} {{ nothing }}.", "None True ."],
  ["{{ true ~ 1.0 ~ none ~ nothing }}", "True1.0None"],
  ["{{ [1, 2.50, 'it\\'s', {'a': none}] }}", `[1, 2.5, "it's", {'a': None}]`],
  ["{{ (0 - 1) % 3 }} {{ 7.5 % 2 }} {{ 1 + 2.0 }}", "2 1.5 3.0"],
  ["{{ messages[0].content | length }} {{ '\\ufeff a\\x1f' | trim | length }}", "2 3"],
  ["{{ '42' | int + 1 }} {{ '1.50' | float }} {{ 'x' | int }} {{ '4x' | int }}", "43 1.5 0 0"],
  ["{{ {'b': 0.0000001, 'a': 'é'} | tojson(ensure_ascii=true, sort_keys=true) }}", '{"a": "\\u00e9", "b": 1e-07}'],
  ["{{ 1 in [1.0] }} {{ 'a' in {'a': 1} }} {{ 'x' not in nothing }}", "True True True"],
  ["a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc", "a\nb\nc"],
  ["{% generation %}a{% endgeneration %}b", "ab"],
];
for (const [template, text] of python) {
  test(`written as Python writes it: ${JSON.stringify(template)}`, () => {
    const rendered = new ChatTemplate(template, special).render(
      { messages: [{ role: "user", content: "é👍" }] },
      false,
    );
    assert.equal(rendered, text);
  });
}

for (const template of ["{{ 'a' + messages }}", "{{ 'a' + 1 }}", "{{ nothing.more }}", "{{ ['a', 1] | join }}"]) {
  test(`what Python refuses, or is not certain, is refused: ${template}`, () => {
    assert.throws(() => new ChatTemplate(template, special).render({ messages: [] }, false), RowError);
  });
}
