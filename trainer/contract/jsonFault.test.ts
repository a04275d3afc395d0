import assert from "node:assert/strict";
import { test } from "node:test";
import { fileFault, jsonFault } from "./jsonFault.ts";

const rows: [text: string, at: number, what: RegExp][] = [
  ["", 0, /ends too early/],
  ["hidden", 0, /where a value is expected/],
  ["{hidden", 1, /where a key or } is expected/],
  ['{"a" hidden', 5, /where : is expected/],
  ['{"a": hidden', 6, /where a value is expected/],
  ['{"a": 1 hidden', 8, /where , or } is expected/],
  ['{"a": 1, hidden', 9, /where a key is expected/],
  ['{"a": 1,}', 8, /where a key is expected/],
  ["[1,]", 3, /where a value is expected/],
  ["[1 hidden", 3, /where , or \] is expected/],
  ["[1}", 2, /where , or \] is expected/],
  ['{"a": "hidden', 13, /ends within a text/],
  ['{"a": "hi\\dden"}', 9, /escape/],
  ['{"a": "hid\tden"}', 10, /control character/],
  ['{"a": {"b": [1, 2', 17, /ends too early/],
  ["[1] hidden", 4, /where the end is expected/],
  ["01", 1, /where the end is expected/],
  ["{'a': 1}", 1, /where a key or } is expected/],
];
for (const [text, at, what] of rows) {
  test(`the first fault of ${JSON.stringify(text)} is at ${at}`, () => {
    assert.throws(() => JSON.parse(text));
    const fault = jsonFault(text);
    assert.equal(fault.at, at);
    assert.match(fault.what, what);
    assert.ok(!fileFault(text).includes("hidden"));
  });
}

test("a fault in a file is reported with its line and column", () => {
  assert.equal(
    fileFault('{\n  "a": 1,\n  b: 2\n}\n'),
    "not JSON: line 3, column 3: has something else where a key is expected",
  );
});

test("a fault in damaged JSON lies where JSON.parse stops, or before", () => {
  const text = '{"a": [1, -2.5e3, "x\\u0041\\n", true, null], "b": {"c": {}, "d": []}}';
  for (let at = 0; at <= text.length; at++) {
    for (const broken of [
      text.slice(0, at),
      `${text.slice(0, at)}?${text.slice(at)}`,
      text.slice(0, at) + text.slice(at + 1),
    ]) {
      try {
        JSON.parse(broken);
      } catch {
        const fault = jsonFault(broken);
        assert.ok(fault.at >= 0 && fault.at <= broken.length && fault.what !== "", broken);
      }
    }
  }
});
