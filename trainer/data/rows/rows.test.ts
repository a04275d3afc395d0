import assert from "node:assert/strict";
import { test } from "node:test";
import type { Columns, NamedFormat } from "../../contract/settings.ts";
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
        { role: "assistant", content: null, tool_calls: [call] },
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
        { role: "assistant", content: null, tool_calls: [{ type: "function", function: call.function }] },
        { role: "tool", content: "rain" },
        answer("It rains."),
      ],
      { tools: [weather] },
    ),
  ],
  [
    "Alpaca",
    { instruction: "add", input: "1 2", output: "3", text: "…" },
    conversation([user("add\n\n1 2"), answer("3")]),
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
  test(`reads ${what}`, () => assert.deepEqual(read(row), expected));
}

test("columns say what the data call their fields", () => {
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
  ["Messages", { messages: [{ role: "user", content: [{ type: "image_url" }] }] }, /image_url/],
  ["Messages", { messages: [{ ...answer("x"), function_call: {} }] }, /^messages\.0\.function_call: .*tool_calls/],
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
  ["ShareGPT", { conversations: [{ from: "narrator", value: "x" }] }, /^conversations\.0\.from: "narrator" is none of/],
  ["ShareGPT", { conversations: [{ from: "constructor", value: "x" }] }, /is none of/],
  ["ShareGPT", { system: "a", conversations: [{ from: "system", value: "b" }] }, /a system message of its own/],
  ["Alpaca", { instruction: "a", output: "" }, /^output: is empty/],
  ["PromptCompletion", { prompt: "a", completion: 3 }, /^completion: /],
  ["Text", { text: "" }, /^text: is empty/],
];
for (const [format, row, reason] of refused) {
  test(`refuses ${JSON.stringify(row).slice(0, 80)} as ${format}`, () => {
    assert.throws(
      () => readExample(row, { format, columns: {} }),
      (error) => error instanceof RowError && reason.test(error.message),
    );
  });
}

test("only a row's own members are its fields", () => {
  assert.throws(() => readExample({}, { format: "Text", columns: { text: "toString" } }), /^Error: text: /);
  assert.throws(() => detectFormat(JSON.parse('{"__proto__": {"text": "x"}}')), /cannot be detected/);
  assert.throws(() => detectFormat({ question: "a" }), /cannot be detected/);
});
