import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataForm } from "../../contract/objective.ts";
import type { Columns } from "../../contract/settings.ts";
import { ColumnsSeen } from "./columnsSeen.ts";
import { JsonFloat } from "./example.ts";
import { detectFormat, readExample } from "./rows.ts";

const read = (row: object, form: DataForm = "Pairs", columns: Columns = {}) =>
  readExample(row, { format: detectFormat(row, columns, form), columns });

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const conversation = (...messages: { role: string; content: string }[]) => ({
  kind: "messages",
  messages,
  context: messages.length - 1,
});

const apart = {
  kind: "preference",
  chosen: conversation(user("q"), assistant("good")),
  rejected: conversation(user("q"), assistant("bad")),
};

const spellings = [
  ["lists with a prompt", { prompt: [user("q")], chosen: [assistant("good")], rejected: [assistant("bad")] }],
  [
    "lists with a prompt in a table's text",
    {
      prompt: JSON.stringify([user("q")]),
      chosen: JSON.stringify([assistant("good")]),
      rejected: JSON.stringify([assistant("bad")]),
    },
  ],
  [
    "lists that begin with the prompt",
    { chosen: [user("q"), assistant("good")], rejected: [user("q"), assistant("bad")] },
  ],
  [
    "lists that begin with the prompt, which is a text beside them",
    { prompt: "q", messages: [], chosen: [user("q"), assistant("good")], rejected: [user("q"), assistant("bad")] },
  ],
  [
    "single turns in ShareGPT's form behind a conversation",
    {
      conversations: [{ from: "human", value: "q" }],
      chosen: { from: "gpt", value: "good" },
      rejected: { from: "gpt", value: "bad" },
    },
    { prompt: "conversations" },
  ],
  [
    "LLaMA-Factory's single turns behind a conversation",
    {
      conversations: [{ from: "human", value: "q" }],
      chosen: { from: "gpt", value: "good" },
      rejected: { from: "gpt", value: "bad" },
    },
  ],
  ["texts behind messages", { messages: [user("q")], chosen: "good", rejected: "bad" }],
  ["Alpaca's texts", { instruction: "q", input: "", chosen: "good", rejected: "bad" }],
  [
    "the whole conversation of UltraFeedback, whose messages are the chosen one",
    {
      prompt: "q",
      messages: [user("q"), assistant("good")],
      chosen: [user("q"), assistant("good")],
      rejected: [user("q"), assistant("bad")],
    },
  ],
] as const;

test("the prompt of a preference is its own field, or the messages that both answers begin with", () => {
  for (const [name, row, columns] of spellings) assert.deepEqual(read(row, "Pairs", columns), apart, name);
});

test("a preference of an instruction has its system message, its earlier turns and its input in both prompts", () => {
  const row = {
    ...{ instruction: "a", input: "b", history: [["c", "d"]], system: "s", tools: [{ name: "f" }] },
    ...{ chosen: "good", rejected: "bad" },
  };
  const side = (content: string) => ({
    ...conversation({ role: "system", content: "s" }, user("c"), assistant("d"), user("a\n\nb"), assistant(content)),
    tools: [{ type: "function", function: { name: "f" } }],
  });
  assert.deepEqual(read(row), { kind: "preference", chosen: side("good"), rejected: side("bad") });
});

test("a system message beside lists precedes the prompt", () => {
  const side = (content: string) => conversation({ role: "system", content: "s" }, user("q"), assistant(content));
  const both = { kind: "preference", chosen: side("good"), rejected: side("bad") };
  for (const row of [
    { prompt: [user("q")], chosen: [assistant("good")], rejected: [assistant("bad")] },
    { chosen: [user("q"), assistant("good")], rejected: [user("q"), assistant("bad")] },
  ])
    assert.deepEqual(read({ ...row, system: "s" }), both);
});

test("an answer with a label is a completion, the last message of a conversation, or the output of an instruction", () => {
  const wanted = { kind: "labelled", answered: conversation(user("q"), assistant("a")), isWanted: true };
  const turns = [user("q"), assistant("a")];
  for (const row of [
    { messages: turns, label: true },
    { conversations: JSON.stringify(turns), kto_tag: "true" },
    {
      conversations: [
        { from: "human", value: "q" },
        { from: "gpt", value: "a" },
      ],
      kto_tag: true,
    },
    { instruction: "q", input: "", output: "a", kto_tag: 1 },
  ])
    assert.deepEqual(read(row, "Labelled"), wanted, JSON.stringify(row));
  const seen = new ColumnsSeen();
  readExample({ instruction: "q", output: "a", kto_tag: true, id: 3 }, { format: "Labelled", columns: {} }, seen);
  assert.deepEqual(seen.columns, { used: ["instruction", "output", "kto_tag"], ignored: ["id"] });
  assert.throws(
    () => read({ messages: [user("q")], label: true }, "Labelled"),
    /must end with the assistant's answer, which the label judges/,
  );
});

test("texts are a preference of completions, under columns of other names", () => {
  const side = (completion: string) => ({ kind: "promptCompletion", prompt: "q ", completion });
  const columns = { prompt: "question", chosen: "better" };
  assert.deepEqual(read({ question: "q ", better: "good", rejected: "bad" }, "Pairs", columns), {
    kind: "preference",
    chosen: side("good"),
    rejected: side("bad"),
  });
});

test("tools belong to both answers, and a member of a turn that is not read is reported", () => {
  const seen = new ColumnsSeen();
  const tools = [{ type: "function", function: { name: "f" } }];
  const row = {
    prompt: [user("q")],
    chosen: [{ ...assistant("good"), score: 3 }],
    rejected: [assistant("bad")],
    tools,
    rank: 1,
  };
  const example = readExample(row, { format: "Preference", columns: {} }, seen);
  assert(example.kind === "preference" && example.chosen.kind === "messages" && example.rejected.kind === "messages");
  assert.deepEqual([example.chosen.tools, example.rejected.tools], [tools, tools]);
  assert.deepEqual(seen.columns.ignored, ["rank", "chosen[].score"]);
});

test("a label is read as a boolean, a number or a text", () => {
  const row = { prompt: "q", completion: "a" };
  for (const label of [true, 1, new JsonFloat(1), "True", " 1 "])
    assert.deepEqual(read({ ...row, label }, "Labelled"), {
      kind: "labelled",
      answered: { kind: "promptCompletion", ...row },
      isWanted: true,
    });
  for (const label of [false, 0, new JsonFloat(0), "FALSE", "0"]) {
    const example = read({ ...row, label }, "Labelled");
    assert(example.kind === "labelled" && !example.isWanted);
  }
  assert.deepEqual(
    read({ ...row, kto_tag: true }, "Labelled", { label: "kto_tag" }),
    read({ ...row, label: true }, "Labelled"),
  );
});

test("KTO also reads pairs, and an objective of pairs reads no labels", () => {
  assert.equal(detectFormat({ prompt: "q", chosen: "a", rejected: "b" }, {}, "Labelled"), "Preference");
  assert.throws(
    () => detectFormat({ prompt: "q", completion: "a", label: true }, {}, "Pairs"),
    /has no chosen and rejected, which training\.objective learns from.*or set the objective to Supervised/,
  );
  assert.throws(
    () => detectFormat({ messages: [] }, {}, "Labelled"),
    /has neither an answer with its label .* nor chosen and rejected/,
  );
});

const pair = { prompt: [user("q")], chosen: [assistant("good")], rejected: [assistant("bad")] };

const faults = [
  ["the same answer twice", { prompt: "q", chosen: "a", rejected: "a" }, /are the same answer/],
  [
    "the same conversation twice",
    { ...pair, prompt: undefined, chosen: [user("q"), assistant("a")], rejected: [user("q"), assistant("a")] },
    /are the same answer/,
  ],
  ["texts without their prompt", { chosen: "q a", rejected: "q b" }, /^prompt: is missing; write the text that both/],
  [
    "a text beside a list",
    { ...pair, rejected: "bad" },
    /^rejected: must be a list of messages, as the other answer is/,
  ],
  [
    "conversations that begin differently",
    { chosen: [user("q"), assistant("a")], rejected: [user("p"), assistant("a")] },
    /must begin with the same messages/,
  ],
  [
    "conversations that differ in a question",
    {
      chosen: [user("q"), assistant("a"), user("b"), assistant("c")],
      rejected: [user("q"), assistant("a"), user("d"), assistant("c")],
    },
    /must begin with the same messages/,
  ],
  [
    "a prompt that is another question",
    { prompt: "other", chosen: [user("q"), assistant("a")], rejected: [user("q"), assistant("b")] },
    /^prompt: differs from every message that/,
  ],
  [
    "a prompt that is repeated",
    { ...pair, chosen: [user("q"), assistant("good")] },
    /^chosen: begins with the messages of prompt again/,
  ],
  [
    "a prompt that ends with an answer",
    { ...pair, prompt: [user("q"), assistant("well,")] },
    /^prompt: ends with the assistant's message, which the chosen/,
  ],
  [
    "an answer that is a question",
    { ...pair, rejected: [user("what?")] },
    /^rejected: has no message of the assistant/,
  ],
  ["an empty answer", { prompt: "q", chosen: "", rejected: "b" }, /^chosen: is empty/],
  [
    "a system message beside texts",
    { prompt: "q", chosen: "a", rejected: "b", system: "s" },
    /^system: is for conversations; name the prompt's field in columns\.instruction/,
  ],
  [
    "an input beside the prompt",
    { prompt: "q", input: "i", chosen: "a", rejected: "b" },
    /^input: belongs to an instruction; name the question's field in columns\.instruction/,
  ],
  ["tools of texts", { prompt: "q", chosen: "a", rejected: "b", tools: [{}] }, /^tools: are for conversations/],
] as const;

test("a preference whose prompt is uncertain, that prefers nothing or would lose a field is refused", () => {
  for (const [name, row, fault] of faults)
    assert.throws(() => readExample(row, { format: "Preference", columns: {} }), { message: fault }, name);
});

test("an answer without a usable label is refused", () => {
  for (const label of ["good", 2, null])
    assert.throws(
      () => readExample({ prompt: "q", completion: "a", label }, { format: "Labelled", columns: {} }),
      /^Error: label: must be true or false/,
    );
  assert.throws(
    () => readExample({ prompt: "q", completion: "a" }, { format: "Labelled", columns: {} }),
    /^Error: label: is missing/,
  );
});
