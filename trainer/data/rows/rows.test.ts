import assert from "node:assert/strict";
import { test } from "node:test";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import { type Example, RowError } from "./example.ts";
import { detectFormat, readExample } from "./rows.ts";

const read = (row: unknown, columns: Columns = {}): Example =>
  readExample(row, { format: detectFormat(row, columns), columns });

const user = (content: string) => ({ role: "user", content });
const answer = (content: string) => ({ role: "assistant", content });
const conversation = (messages: unknown[], rest: object = {}) => ({ kind: "messages", messages, ...rest });

const weather = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const call = { id: "c1", type: "function", function: { name: "weather", arguments: { city: "Ulm" } } };

const read1: [string, unknown, unknown][] = [
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
for (const [what, row, expected] of read1) {
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

const refused: [NamedFormat, unknown, RegExp][] = [
  ["Messages", [], /not a JSON object/],
  ["Messages", { messages: [] }, /^messages: /],
  ["Messages", { messages: [{ role: "user", content: 3 }] }, /^messages\.0\.content/],
  ["Messages", { messages: [{ role: "narrator", content: "x" }] }, /^messages\.0\.role/],
  ["Messages", { messages: [{ role: "user" }] }, /^messages\.0\.content: is missing/],
  ["Messages", { messages: [{ ...user("x"), tool_calls: [call] }] }, /only an answer calls tools/],
  [
    "Messages",
    { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
    /^messages\.0\.content: a part of type image_url cannot/,
  ],
  [
    "Messages",
    { messages: [{ ...answer("x"), function_call: { name: "f" } }] },
    /^messages\.0\.function_call: .*tool_calls/,
  ],
  ["Messages", { messages: [answer("x")], tools: [3] }, /^tools\.0: must be an object/],
  [
    "Messages",
    { messages: [{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "{" } }] }] },
    /^messages\.0\.tool_calls\.0\.function\.arguments: is not JSON/,
  ],
  [
    "Messages",
    JSON.parse(
      '{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"id":12345678901234567890}}}]}]}',
    ),
    /beyond 2⁵³/,
  ],
  [
    "ShareGPT",
    { conversations: [{ from: "narrator", value: "x" }] },
    /^conversations\.0\.from: must be one of system, developer, user, human, .*: rename the speaker$/,
  ],
  [
    "ShareGPT",
    { conversations: [{ from: "gpt", value: "x", weight: 0.5 }] },
    /^conversations\.0\.weight: must be 0 or 1/,
  ],
  ["ShareGPT", { conversations: [{ from: "gpt", value: "x" }], weight: 2 }, /^weight: a row has no weight/],
  ["ShareGPT", { conversations: [{ from: "gpt", value: "x" }], images: ["a.png"] }, /^images: cannot be trained on/],
  ["ShareGPT", { conversations: [{ from: "gpt", value: "x" }], rejected: { value: "y" } }, /^rejected: .*preference/],
  ["ShareGPT", { conversations: [{ from: "gpt", value: "x" }], kto_tag: false }, /^kto_tag: is false/],
  ["Messages", { messages: [answer("x")], functions: [{ name: "f" }] }, /^functions: .*write tools/],
  [
    "Messages",
    { messages: [answer("x")], chat_template_kwargs: { enable_thinking: false } },
    /^chat_template_kwargs: /,
  ],
  [
    "Messages",
    { messages: [{ ...answer("x"), train_detail: [{ begin: 0 }] }] },
    /^messages\.0\.train_detail: learning parts/,
  ],
  [
    "ShareGPT",
    { conversations: [{ from: "human", role: "assistant", value: "x" }] },
    /^conversations\.0: has both from/,
  ],
  [
    "ShareGPT",
    { conversations: [{ from: "gpt", value: "x", tool_calls: [{}] }] },
    /^conversations\.0\.tool_calls: is of OpenAI/,
  ],
  ["ShareGPT", { conversations: [{ from: "gpt", value: 3 }] }, /^conversations\.0\.value: must be a text$/],
  ["ShareGPT", { conversations: [{ from: "gpt" }] }, /^conversations\.0\.value: is missing$/],
  ["ShareGPT", { conversations: "[{" }, /^conversations: is not JSON: /],
  [
    "ShareGPT",
    {
      conversations: [
        { from: "gpt", value: "x", weight: 0 },
        { from: "tool_call", value: '{"name": "f", "arguments": {}}' },
      ],
    },
    /^conversations\.1: continues the answer before it; learn both turns or neither/,
  ],
  [
    "ShareGPT",
    { conversations: [{ from: "tool_call", value: '{"name": "f", "arguments": {"a": 1}, "parameters": {"b": 1}}' }] },
    /^conversations\.0\.value\.function: has both arguments and parameters/,
  ],
  ["ShareGPT", { conversations: [{ from: "tool_call", value: "f(1)" }] }, /^conversations\.0\.value: is not JSON/],
  ["ShareGPT", { conversations: "a: b" }, /^conversations: must be a list$/],
  ["Messages", { messages: [] }, /^messages: is empty$/],
  ["ShareGPT", { conversations: ["hi", "hello"] }, /^conversations\.0: must be an object with role and content$/],
  [
    "ShareGPT",
    { conversations: [{ from: "human", value: "a" }, "b"] },
    /^conversations\.1: must be an object with from and value, or role and content$/,
  ],
  [
    "Messages",
    { messages: [{ role: "x", content: "a" }] },
    /^messages\.0\.role: must be one of system, developer, user, /,
  ],
  ["Alpaca", { instruction: "a", output: "b", history: [["c", 3]] }, /^history\.0\.1: must be a text$/],
  ["PromptCompletion", { prompt: "a", completion: "b", label: "False" }, /^label: is false/],
  ["Messages", { messages: [answer("x")], weight: "0.5" }, /^weight: a row has no weight/],
  ["Messages", { messages: [{ ...user("x"), images: ["a"] }] }, /^messages\.0\.images: cannot be trained on/],
  [
    "Messages",
    { system: "a", messages: [{ role: "system", content: "b" }] },
    /^system: differs from the system message/,
  ],
  ["Messages", { messages: [answer("x")], history: [["a", "b"]] }, /^history: .*earlier turns/],
  [
    "Alpaca",
    { instruction: "a", output: "b", history: [["c"]] },
    /^history\.0: must be a question and its answer, both texts$/,
  ],
  [
    "Messages",
    { messages: [{ role: "user", content: 5 }] },
    /^messages\.0\.content: must be a text, or a list of parts/,
  ],
  ["Alpaca", { instruction: "a", output: "b", history: "c" }, /^history: /],
  ["Alpaca", { instruction: "a", output: ["b", "c"] }, /^output: /],
  ["PromptCompletion", { prompt: "a", completion: "b", label: false }, /^label: is false/],
  ["PromptCompletion", { prompt: "a", completion: "b", history: [["c", "d"]] }, /^history: .*format: Alpaca/],
  ["PromptCompletion", { prompt: "a", completion: "b", system: "s" }, /^system: .*format: Alpaca/],
  ["PromptCompletion", { prompt: "a", completion: "b", tools: [weather] }, /^tools: are for conversations/],
  ["PromptCompletion", { prompt: "a", completion: [answer("b")] }, /^prompt: must be a list/],
  ["PromptCompletion", { prompt: [user("a")], completion: "b" }, /^completion: must be a list/],
  [
    "PromptCompletion",
    { prompt: [user("a")], completion: [user("b")] },
    /^completion: has no message of the assistant/,
  ],
  [
    "PromptCompletion",
    { prompt: [user("a"), answer("b")], completion: [answer("c")] },
    /^prompt: ends with the assistant's/,
  ],
  ["PromptCompletion", { prompt: [{ role: "x", content: "a" }], completion: [answer("c")] }, /^prompt\.0\.role: /],
  ["ShareGPT", { conversations: [{ from: "constructor", value: "x" }] }, /must be one of/],
  ["ShareGPT", { system: "a", conversations: [{ from: "system", value: "b" }] }, /differs from the system message/],
  ["Alpaca", { instruction: "a", output: "" }, /^output: is empty/],
  ["PromptCompletion", { prompt: "a", completion: 3 }, /^completion: /],
  ["Text", { text: "" }, /^text: is empty/],
];
for (const [format, row, reason] of refused) {
  test(`the reader refuses ${JSON.stringify(row).slice(0, 80)} as ${format}`, () => {
    assert.throws(
      () => readExample(row, { format, columns: {} }),
      (error) => error instanceof RowError && reason.test(error.message),
    );
  });
}

test("no reason quotes the content of a row", () => {
  const secret = "s3cr3t";
  const rows: [NamedFormat, unknown][] = [
    ["ShareGPT", { conversations: [{ from: secret, value: secret }] }],
    ["ShareGPT", { conversations: [{ from: "gpt", value: secret, weight: secret }] }],
    ["Messages", { messages: [{ role: secret, content: secret }] }],
    ["Messages", { messages: [{ role: "user", content: [{ type: secret }] }] }],
    ["Messages", { messages: [answer("a")], tools: [secret] }],
    ["Alpaca", { instruction: "a", output: "b", history: [[secret]] }],
    ["PromptCompletion", { prompt: secret, completion: [secret] }],
  ];
  for (const [format, row] of rows) {
    assert.throws(
      () => readExample(row, { format, columns: {} }),
      (error) => error instanceof RowError && !error.message.includes(secret),
    );
  }
});

test("preference data are refused for a supervised training, with the objective that learns from them", () => {
  assert.throws(
    () => detectFormat({ prompt: "a", chosen: "b", rejected: "c" }),
    /has chosen and rejected: set training\.objective to DPO, ORPO or KTO/,
  );
});

test("a row without the fields of a format is refused with those that it has, or with the list of its rows", () => {
  const unfit: [row: unknown, message: RegExp][] = [
    [
      { question: "a", answer: "b", note: "" },
      /^has the fields question, answer, but none of messages; .* cannot be detected/,
    ],
    [
      { question: "a", answer: "b" },
      /\(set columns: \{prompt: question, completion: answer\}, or instruction and output for a conversation\)$/,
    ],
    [{ prompt: "a", response: "b" }, /\(set columns: \{completion: response\}, or/],
    [{ dialog: [{ role: "user", content: "a" }] }, /\(set columns: \{conversations: dialog\}\)$/],
    [{ content: "a" }, /\(set columns: \{text: content\}\)$/],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, /^has the fields a, b, c, d, e, …, but none of/],
    [{ version: 2, data: [{ text: "a" }] }, /^has its objects in the list "data": make that list the whole file/],
    [{ Messages: [{ role: "user", content: "a" }] }, /^has the fields Messages, but none of messages/],
    [{ data: [] }, /^has none of messages; .* cannot be detected/],
    [[{ text: "a" }], /^is a list, not a JSON object/],
    [null, /^is null, not a JSON object/],
    ["a", /^is a string, not a JSON object/],
    [5, /^is a number, not a JSON object/],
  ];
  for (const [row, message] of unfit) assert.throws(() => detectFormat(row), { message });
});

test("only a row's own members are its fields", () => {
  assert.throws(() => readExample({}, { format: "Text", columns: { text: "toString" } }), /^Error: text: /);
  assert.throws(() => detectFormat(JSON.parse('{"__proto__": {"text": "x"}}')), /cannot be detected/);
});
