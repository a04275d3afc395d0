import assert from "node:assert/strict";
import { test } from "node:test";
import type { Columns } from "../../contract/settings.ts";
import { answer, call, conversation, user, weather } from "../../testing/turns.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import type { Example } from "./example.ts";
import { detectFormat, readExample } from "./rows.ts";

const read = (row: unknown, columns: Columns = {}): Example =>
  readExample(row, { format: detectFormat(row, columns), columns });

const accepted: [string, unknown, unknown][] = [
  ["messages", { messages: [user("a"), answer("b")], id: 7 }, conversation([user("a"), answer("b")])],
  [
    "messages of the newer role, in a part, with weights",
    {
      messages: [
        { role: "developer", content: "s" },
        { role: "user", content: [{ type: "text", text: "a" }] },
        { ...answer("b"), weight: 0 },
        answer("c"),
      ],
    },
    conversation([{ role: "system", content: "s" }, user("a"), answer("b"), answer("c")], { untrained: [2] }),
  ],
  [
    "tool calls, whose arguments come as a text",
    {
      tools: [weather],
      messages: [
        user("?"),
        {
          role: "assistant",
          content: null,
          tool_calls: [{ ...call, function: { name: "weather", arguments: '{"city":"Ulm"}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: "rain" },
        answer("It rains."),
      ],
    },
    conversation(
      [
        user("?"),
        { role: "assistant", content: null, tool_calls: [{ ...call, written: '{"city":"Ulm"}' }] },
        { role: "tool", content: "rain", tool_call_id: "c1" },
        answer("It rains."),
      ],
      { tools: [weather] },
    ),
  ],
  [
    "ShareGPT",
    {
      system: "s",
      conversations: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b" },
      ],
    },
    conversation([{ role: "system", content: "s" }, user("a"), answer("b")]),
  ],
  ...[
    {
      conversations: [
        { role: "human", value: "a" },
        { role: "gpt", value: "b" },
      ],
    },
    {
      conversations: [
        { from: "user", content: "a" },
        { from: "assistant", content: "b" },
      ],
    },
    {
      conversations: [
        { from: "Human", value: "a" },
        { from: "ChatGPT", value: "b" },
      ],
    },
    {
      messages: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b" },
      ],
    },
    { conversations: JSON.stringify([user("a"), answer("b")]) },
    {
      messages: JSON.stringify([
        { from: "input", value: "a" },
        { from: "model", value: "b" },
      ]),
      weight: "1",
    },
  ].map((row): [string, unknown, unknown] => [
    `another spelling of ShareGPT: ${JSON.stringify(row).slice(0, 70)}`,
    row,
    conversation([user("a"), answer("b")]),
  ]),
  [
    "ShareGPT with weights",
    {
      conversations: [
        { role: "human", value: "a" },
        { role: "gpt", value: "b", weight: 0 },
        { role: "human", value: "c" },
        { role: "gpt", value: "d", weight: 1 },
      ],
    },
    conversation([user("a"), answer("b"), user("c"), answer("d")], { untrained: [1] }),
  ],
  [
    "Alpaca of a table, whose history is JSON text",
    { instruction: "a", input: "", output: "b", history: '[["c", "d"]]', system: "s" },
    conversation([{ role: "system", content: "s" }, user("c"), answer("d"), user("a"), answer("b")]),
  ],
  [
    "tools of a table that has none",
    { messages: [user("a"), answer("b")], tools: "null" },
    conversation([user("a"), answer("b")]),
  ],
  [
    "ShareGPT with tools",
    {
      tools: JSON.stringify([weather]),
      conversations: [
        { from: "human", value: "?" },
        { from: "function_call", value: '{"name": "weather", "arguments": {"city": "Ulm"}}' },
        { from: "observation", value: "rain" },
        { from: "gpt", value: "It rains." },
      ],
    },
    conversation(
      [
        user("?"),
        { role: "assistant", content: "", tool_calls: [{ type: "function", function: call.function }] },
        { role: "tool", content: "rain" },
        answer("It rains."),
      ],
      { tools: [weather] },
    ),
  ],
  ...[
    [
      { from: "tool_call", value: '[{"name": "f", "arguments": {"a": 1}, "id": "c1"}]' },
      { from: "Tool-Response", value: "r" },
    ],
    [
      {
        role: "tool_call",
        content: '{"type": "function", "id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}',
      },
      { role: "observation", content: "r" },
    ],
    [
      { from: "function call", value: '<tool_call>\n{"name": "f", "parameters": {"a": 1}, "id": "c1"}\n</tool_call>' },
      { from: "function", value: "r" },
    ],
  ].map((turns): [string, unknown, unknown] => [
    `a call as ${JSON.stringify(turns[0])}`,
    { conversations: [{ from: "prompter", value: "?" }, ...turns, { from: "bard", value: "!" }] },
    conversation([
      user("?"),
      {
        role: "assistant",
        content: "",
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: { a: 1 } } }],
      },
      { role: "tool", content: "r" },
      answer("!"),
    ]),
  ]),
  [
    "an answer with its calls over several turns",
    {
      messages: [
        user("?"),
        answer("I look."),
        { role: "tool_call", content: '{"name": "f", "arguments": {}}' },
        { role: "tool_call", content: '{"name": "g", "arguments": {}}' },
        { role: "tool_response", content: "r" },
        { ...answer("!"), weight: 0 },
      ],
    },
    conversation(
      [
        user("?"),
        {
          ...answer("I look."),
          tool_calls: ["f", "g"].map((name) => ({ type: "function", function: { name, arguments: {} } })),
        },
        { role: "tool", content: "r" },
        answer("!"),
      ],
      { untrained: [3] },
    ),
  ],
  [
    "Alpaca",
    { instruction: "add", input: "1 2", output: "3", text: "…" },
    conversation([user("add\n\n1 2"), answer("3")]),
  ],
  [
    "ShareGPT's tools as OpenAI has them, which servers render",
    {
      tools: JSON.stringify([
        weather.function,
        weather,
        { function: weather.function },
        { type: "function", name: "f" },
      ]),
      conversations: [
        { from: "human", value: "?" },
        { from: "gpt", value: "!" },
      ],
    },
    conversation([user("?"), answer("!")], {
      tools: [weather, weather, weather, { type: "function", function: { name: "f" } }],
    }),
  ],
  [
    "ShareGPT's weights, and those of other trainers",
    {
      conversations: [
        { from: "human", value: "a", weight: 0 },
        { from: "gpt", value: "b", weight: 0 },
        { from: "gpt", value: "c", weight: 1 },
        { from: "gpt", value: "d", loss: false },
        { from: "gpt", value: "e", train: true },
        { from: "gpt", value: "f", training: false },
      ],
    },
    conversation([user("a"), ...["b", "c", "d", "e", "f"].map(answer)], { untrained: [0, 1, 3, 5] }),
  ],
  [
    "OpenAI's turns under ShareGPT's name",
    { system: "s", conversations: [user("a"), { ...answer("b"), weight: 0 }, answer("c")] },
    conversation([{ role: "system", content: "s" }, user("a"), answer("b"), answer("c")], { untrained: [2] }),
  ],
  [
    "a system message beside messages",
    { system: "s", messages: [user("a"), { ...answer("b"), weight: 0 }, answer("c")] },
    conversation([{ role: "system", content: "s" }, user("a"), answer("b"), answer("c")], { untrained: [2] }),
  ],
  [
    "a system message that stands in both places",
    { system: "s", messages: [{ role: "system", content: "s" }, user("a"), answer("b")] },
    conversation([{ role: "system", content: "s" }, user("a"), answer("b")]),
  ],
  [
    "Alpaca's history as earlier turns, its system message and its tools",
    {
      instruction: "And doubled?",
      input: "",
      output: "8",
      history: [
        ["1+1?", "2"],
        ["2+2?", "4"],
      ],
      system: "s",
      tools: [weather.function],
    },
    conversation(
      [
        { role: "system", content: "s" },
        ...[user("1+1?"), answer("2"), user("2+2?"), answer("4"), user("And doubled?"), answer("8")],
      ],
      { tools: [weather] },
    ),
  ],
  ["Alpaca without history", { instruction: "a", output: "b", history: [] }, conversation([user("a"), answer("b")])],
  [
    "prompt and completion as lists of messages",
    {
      prompt: [{ role: "system", content: "s" }, user("a"), answer("b"), user("c")],
      completion: [{ ...answer("d"), weight: 0 }, user("e"), answer("f")],
      tools: [weather],
    },
    conversation(
      [{ role: "system", content: "s" }, user("a"), answer("b"), user("c"), answer("d"), user("e"), answer("f")],
      {
        tools: [weather],
        untrained: [4],
        context: 4,
      },
    ),
  ],
  [
    "prompt and completion as lists of messages in a table's text",
    { prompt: JSON.stringify([user("a")]), completion: JSON.stringify([answer("b")]) },
    conversation([user("a"), answer("b")], { context: 1 }),
  ],
  [
    "prompt and completion that are JSON, but not of messages",
    { prompt: '[{"role":"user"}]', completion: '[{"role":"assistant","content":"b"}]' },
    { kind: "promptCompletion", prompt: '[{"role":"user"}]', completion: '[{"role":"assistant","content":"b"}]' },
  ],
  [
    "prompt and completion that only look like JSON",
    { prompt: "[{a}]", completion: "{b" },
    { kind: "promptCompletion", prompt: "[{a}]", completion: "{b" },
  ],
  ["Alpaca without input", { instruction: "hi", input: "", output: "ho" }, conversation([user("hi"), answer("ho")])],
  [
    "prompt and completion",
    { prompt: "a", completion: "b" },
    { kind: "promptCompletion", prompt: "a", completion: "b" },
  ],
  ["text", { text: "t" }, { kind: "text", text: "t" }],
];
for (const [what, row, expected] of accepted) {
  test(`the reader accepts ${what}`, () => assert.deepEqual(read(row), expected));
}

test("columns can name Alpaca's history and the members of a completion's messages", () => {
  assert.deepEqual(
    read(
      { query: "a", response: "b", before: [["c", "d"]] },
      { instruction: "query", output: "response", history: "before" },
    ),
    conversation([user("c"), answer("d"), user("a"), answer("b")]),
  );
  const row = { prompt: [{ who: "user", says: "a" }], completion: [{ who: "assistant", says: "b" }] };
  assert.deepEqual(read(row, { role: "who", content: "says" }), conversation([user("a"), answer("b")], { context: 1 }));
});

const named: [string, unknown, used: string[], ignored: string[]][] = [
  [
    "beside messages",
    { messages: [{ ...user("a"), timestamp: 3 }, answer("b")], id: 7, source: "x", tools: [], note: "", extra: {} },
    ["messages"],
    ["id", "source", "messages[].timestamp"],
  ],
  [
    "of turns",
    {
      conversations: [
        { from: "human", value: "a", lang: "de" },
        { from: "gpt", value: "b" },
      ],
    },
    ["conversations"],
    ["conversations[].lang"],
  ],
  [
    "of Alpaca",
    { instruction: "a", output: "b", text: "…", difficulty: 0 },
    ["instruction", "output"],
    ["text", "difficulty"],
  ],
  ["of prompts", { prompt: "a", completion: "b", label: true }, ["prompt", "completion"], ["label"]],
  ["of texts", { text: "a", url: "…", meta: null }, ["text"], ["url"]],
];
for (const [what, row, used, ignored] of named) {
  test(`unused columns are named: ${what}`, () => {
    const seen = new ColumnsSeen();
    readExample(row, { format: detectFormat(row), columns: {} }, seen);
    assert.deepEqual(seen.columns, { used, ignored });
  });
}

test("the recorded column names are bounded for every file", () => {
  const seen = new ColumnsSeen();
  for (let i = 0; i < 1000; i++) seen.ignore(`${i}\u001b[31m${"x".repeat(1000)}`);
  const { ignored } = seen.columns;
  assert.ok(ignored.length <= 32 && ignored.every((name) => name.length <= 65 && !name.includes("\u001b")));
});

test("columns maps the data's names to the format's fields", () => {
  const question = { question: "a", reply: "b", text: "not this" };
  assert.deepEqual(read(question, { prompt: "question", completion: "reply" }), {
    kind: "promptCompletion",
    prompt: "a",
    completion: "b",
  });
  const dialog = {
    dialog: [
      { who: "user", says: "a" },
      { who: "assistant", says: "b" },
    ],
  };
  assert.deepEqual(
    read(dialog, { messages: "dialog", role: "who", content: "says" }),
    conversation([user("a"), answer("b")]),
  );
  const turns = {
    dialog: [
      { speaker: "human", text: "a" },
      { speaker: "gpt", text: "b" },
    ],
  };
  assert.deepEqual(
    read(turns, { conversations: "dialog", from: "speaker", value: "text" }),
    conversation([user("a"), answer("b")]),
  );
});

test("only a row's own members are its fields", () => {
  assert.throws(() => readExample({}, { format: "Text", columns: { text: "toString" } }), /^Error: text: /);
  assert.throws(() => detectFormat(JSON.parse('{"__proto__": {"text": "x"}}')), /cannot be detected/);
});
