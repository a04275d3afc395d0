/** Rows that are refused, each with the reason that names the field and the fix. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamedFormat } from "../../contract/settings.ts";
import { answer, call, user, weather } from "../../testing/turns.ts";
import { RowError } from "./example.ts";
import { detectFormat, readExample } from "./rows.ts";

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
