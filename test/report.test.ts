import assert from "node:assert/strict";
import { test } from "node:test";
import { type TestEvent, tap } from "node:test/reporters";
import { inTurn } from "./report.ts";

const note = (message: string): TestEvent => ({
  type: "test:diagnostic",
  data: { nesting: 0, message, level: "info" },
});

function passed(name: string): TestEvent {
  return { type: "test:pass", data: { name, nesting: 0, testNumber: 1, details: { duration_ms: 1 } } };
}

function failed(name: string, failureType: string): TestEvent {
  const error = Object.assign(new Error(name), { cause: new Error(name), failureType });
  const at = { file: "/x.test.ts", line: 7, column: 1 };
  const data: Failure["data"] = { name, nesting: 0, testNumber: 1, details: { duration_ms: 1, error }, ...at };
  return { type: "test:fail", data };
}

type Failure = Extract<TestEvent, { type: "test:fail" }>;

async function* run(...events: TestEvent[]): AsyncGenerator<TestEvent> {
  yield* events;
}

test("two runs end with one summary of the added figures", async () => {
  const first = () =>
    run(passed("a"), { type: "test:plan", data: { nesting: 0, count: 1 } }, note("tests 1"), note("pass 1"));
  const second = () =>
    run(passed("b"), { type: "test:plan", data: { nesting: 0, count: 1 } }, note("tests 1"), note("pass 1"));
  let text = "";
  for await (const chunk of tap(inTurn([first, second]))) text += chunk;
  assert.match(text, /ok 1 - a(.|\n)*ok \d - b(.|\n)*\n1\.\.2\n# tests 2\n# pass 2\n$/);
});

test("the report names each failed test once before the summary", async () => {
  const events = () => run(failed("inner", "testCodeFailure"), failed("outer", "subtestsFailed"), note("fail 2"));
  const messages: string[] = [];
  for await (const event of inTurn([events])) if (event.type === "test:diagnostic") messages.push(event.data.message);
  assert.deepEqual(messages, ["failed: inner (/x.test.ts:7)", "fail 2"]);
});
