import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonObject, type Message, RowError } from "../rows/example.ts";
import { ChatTemplate, templateTexts } from "./chatTemplate.ts";

const special = { eosToken: "</s>" } as ConstructorParameters<typeof ChatTemplate>[1];
const messages = [{ role: "user", content: "hello" } as const];

test("a template that does not end is cancelled and refused", () => {
  const loops = "{% for i in range(100000) %}".repeat(3) + "{% endfor %}".repeat(3);
  assert.throws(() => new ChatTemplate(loops, special).render({ messages }, true), {
    code: 20,
    reason: "TemplateTooSlow",
  });
});

test("a usual template renders many conversations quickly", () => {
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
  test(`a template renders as in Python: ${JSON.stringify(template)}`, () => {
    const rendered = new ChatTemplate(template, special).render(
      { messages: [{ role: "user", content: "é👍" }] },
      false,
    );
    assert.equal(rendered, text);
  });
}

for (const template of ["{{ 'a' + messages }}", "{{ 'a' + 1 }}", "{{ nothing.more }}", "{{ ['a', 1] | join }}"]) {
  test(`a template that Python refuses or may refuse is refused: ${template}`, () => {
    assert.throws(() => new ChatTemplate(template, special).render({ messages: [] }, false), {
      code: 20,
      reason: "TemplateInvalid",
    });
  });
}

test("an operation between unlike values names their kinds", () => {
  const text = "{% for m in messages %}{{ 'x' + (m.content if m.content == 'b' else none) }}{% endfor %}";
  assert.throws(() => new ChatTemplate(text, special).render({ messages }, false), {
    message: /has \+ between a text and none/,
  });
});

const tools: JsonObject[] = [{ type: "function", function: { name: "weather" } }];

test("with several templates, tool_use renders conversations with tools, and default the others", () => {
  const template = new ChatTemplate(
    { default: "default", tool_use: "tools: {{ tools | length }}", rag: "{% broken" },
    special,
  );
  assert.equal(template.render({ messages }, false), "default");
  assert.equal(template.render({ messages, tools }, false), "tools: 1");
  assert.equal(new ChatTemplate({ default: "default" }, special).render({ messages, tools }, false), "default");
});

test("a model without a suitable template is refused with the names of its templates", () => {
  const template = new ChatTemplate({ tool_use: "tools", rag: "rag" }, special);
  assert.equal(template.render({ messages, tools }, false), "tools");
  assert.throws(() => template.render({ messages }, false), {
    code: 20,
    reason: "TemplateInvalid",
    message: /no default .*\(tool_use, rag\).*without tools/,
  });
});

test("a template with an unclosed block is reported as such", () => {
  assert.throws(() => new ChatTemplate("{% for m in messages %}{{ m.content }}", special), {
    reason: "TemplateInvalid",
    message: "the chat template cannot be parsed: a block or an expression is not closed",
  });
});

test("named templates are found where transformers saves them, files before tokenizer_config.json", () => {
  const list = [
    { name: "default", template: "a" },
    { name: "tool_use", template: "b" },
  ];
  assert.deepEqual(templateTexts({ chat_template: list }, {}), { default: "a", tool_use: "b" });
  assert.deepEqual(templateTexts({ chat_template: { default: "a", tool_use: "b" } }, {}), {
    default: "a",
    tool_use: "b",
  });
  assert.deepEqual(templateTexts({ chat_template: "a" }, {}), { default: "a" });
  assert.deepEqual(templateTexts({ chat_template: list }, { default: "c" }), { default: "c" });
  assert.deepEqual(templateTexts({}, {}), {});
  assert.throws(() => templateTexts({ chat_template: 3 }, {}), { reason: "TemplateInvalid" });
});

const called = (written?: string): Message[] => [
  { role: "user", content: "{'city': 'Ulm'}" },
  {
    role: "assistant",
    content: null,
    tool_calls: [
      {
        type: "function",
        function: { name: "weather", arguments: { city: "Ulm" } },
        ...(written !== undefined && { written }),
      },
    ],
  },
];
const call = "{% for m in messages %}{% for c in m.tool_calls or [] %}";
const end = "{% endfor %}{% endfor %}";
const given = '{"city":"Ulm"}';
const argumentForms: [what: string, template: string, text: string][] = [
  [
    "as in the data if it adds them to a text",
    `${call}{{ c.function.name + ' ' + c.function.arguments }}${end}`,
    `weather ${given}`,
  ],
  [
    "as in the data if it joins them to a text",
    `${call}{{ c.function.name ~ ' ' ~ c.function.arguments }}${end}`,
    `weather ${given}`,
  ],
  ["as in the data if it prints them", `${call}{{ c.function.arguments }}${end}`, given],
  ["as an object if it writes them as JSON", `${call}{{ c.function.arguments | tojson }}${end}`, '{"city": "Ulm"}'],
  [
    "as an object if it iterates over them",
    `${call}{% for k, v in c.function.arguments | items %}{{ k ~ v }}{% endfor %}${end}`,
    "cityUlm",
  ],
  [
    "as an object if it tests their type",
    `${call}{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}${end}`,
    '{"city": "Ulm"}',
  ],
  [
    "as an object if it writes the whole call as JSON, without other members",
    `${call}{{ c | tojson }}${end}`,
    '{"type": "function", "function": {"name": "weather", "arguments": {"city": "Ulm"}}}',
  ],
];
for (const [what, template, text] of argumentForms) {
  test(`a template gets the arguments of tool calls ${what}`, () => {
    assert.equal(new ChatTemplate(template, special).render({ messages: called(given) }, false), text);
  });
}

test("an object in the data becomes JSON for a template that takes a text", () => {
  const template = new ChatTemplate(`${call}{{ 'f' + c.function.arguments }}${end}`, special);
  assert.equal(template.render({ messages: called() }, false), 'f{"city": "Ulm"}');
});

const onlySome = "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages[0].content == 'hello' %}";

test("a failure of a template with one conversation is that row's fault, and its content is not quoted", () => {
  const fails = (rest: string) => () =>
    new ChatTemplate(`${onlySome}${rest}{% endif %}`, special).render({ messages }, false);
  assert.throws(
    fails("{{ 'a' | nothing }}"),
    (error) => error instanceof RowError && /cannot render it/.test(error.message),
  );
  assert.throws(
    fails("{{ raise_exception('Not so: ' + messages[0].content + '!') }}"),
    (error) => error instanceof RowError && /refuses it: Not so: …$/.test(error.message),
  );
  assert.throws(
    fails("{{ raise_exception('Roles must alternate') }}"),
    (error) => error instanceof RowError && /refuses it: Roles must alternate$/.test(error.message),
  );
});

const ownFaults = [
  "{{ messages[0].content | frobnicate }}",
  "{{ nothing() }}",
  "{{ raise_exception('no') }}",
  "{% set x = 'a' + 1 %}",
];
for (const text of ownFaults) {
  test(`a template that cannot render any conversation is reported as the template's fault: ${text}`, () => {
    assert.throws(() => new ChatTemplate(text, special).render({ messages }, false), {
      code: 20,
      reason: "TemplateInvalid",
      message: /chat template .*the fault is the template's, not the row's.*dataset\.chatTemplate/,
    });
  });
}

test("a failure of a template with all tools is the template's fault and is reported", () => {
  const plain = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const template = new ChatTemplate({ default: plain, tool_use: `${plain}{{ tools | frobnicate }}` }, special);
  assert.equal(template.render({ messages }, false), "hello");
  assert.throws(() => template.render({ messages, tools }, false), {
    reason: "TemplateInvalid",
    message: /chat template tool_use .*with tools/,
  });
});
