import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonFloat, RowError } from "./example.ts";
import { maxDepth, parseRow, parseStrictly } from "./strictJson.ts";

const row = (text: string) => parseRow(Buffer.from(text));

test("values equal those of JSON.parse", () => {
  const texts = [
    '{"a":1}\r',
    '{"a":{"a":{"a":[]}},"b":[{"a":1},{"a":2}]}',
    '"\\ud83d\\ude00"',
    "[]",
    '{"a\\"":1,"a\\\\":2}',
  ];
  for (const text of texts) assert.deepEqual(row(text), JSON.parse(text));
});

const refused: [string, string | Uint8Array, RegExp][] = [
  [
    "text that is not JSON",
    "{'a': 1}",
    /^is not JSON: has something else where a key or } is expected, at character 2$/,
  ],
  ["cut JSON", '{"a": "b', /^is not JSON/],
  ["a raw NUL in a text", '{"a": "\u0000"}', /^is not JSON/],
  ["bytes that are not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), /^is not UTF-8/],
  ["half a surrogate pair", '{"a":"\\ud83d"}', /half of a surrogate/],
  ["half a surrogate pair in a key", '{"\\udc00":1}', /half of a surrogate/],
  ["a key twice", '{"a":1,"b":{"a":2},"a":3}', /a key twice in one object, again at character 20$/],
  ["a key twice, written otherwise", '{"a":1,"\\u0061":3}', /a key twice/],
  ["a key twice, deep inside", '{"m":[{"x":{"k":1,"k":2}}]}', /a key twice/],
  ["__proto__ twice", '{"__proto__":1,"__proto__":2}', /twice/],
  ["nesting without bound", "[".repeat(1_000_000) + "]".repeat(1_000_000), /nested deeper than/],
];
for (const [what, text, reason] of refused) {
  test(`the parser refuses ${what}`, () => {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    assert.throws(
      () => parseRow(bytes),
      (error) => error instanceof RowError && reason.test(error.message) && error.message.length < 400,
    );
  });
}

test("nesting up to the bound is accepted", () => {
  assert.doesNotThrow(() => row("[".repeat(maxDepth) + "]".repeat(maxDepth)));
});

test("millions of quotes, backslashes and braces take linear time", () => {
  const started = performance.now();
  row(JSON.stringify('"\\'.repeat(2_000_000)));
  row(`[${'{"a":"\\\\"},'.repeat(300_000)}0]`);
  assert.ok(performance.now() - started < 5000);
});

test("faults in JSON inside a row name their place", () => {
  assert.throws(() => parseStrictly("{", "tools"), /^Error: tools: is not JSON/);
});

test("a float without a fraction stays a float", () => {
  const found = row('{"a":[2.0, 2, -1.50, 1e3, 1.5e1],"b":"x: 2.0,","c":{"d":-0.0,"e":0.5}}');
  assert.deepEqual(found, {
    a: [new JsonFloat(2), 2, -1.5, new JsonFloat(1000), new JsonFloat(15)],
    b: "x: 2.0,",
    c: { d: new JsonFloat(-0), e: 0.5 },
  });
});

test("no refusal quotes the row", () => {
  const hidden = "hunter2";
  const texts = [
    hidden,
    `{"${hidden}": ${hidden}}`,
    `{"${hidden}": 1, "${hidden}": 2}`,
    `{"a": "${hidden}`,
    `["${hidden}" "${hidden}"]`,
    `{"a": "\\x${hidden}"}`,
    `{"${hidden}\\ud83d": 1}`,
  ];
  for (const text of texts) {
    for (const read of [() => row(text), () => parseStrictly(text, "tools")]) {
      assert.throws(read, (error) => error instanceof RowError && !/hunter|unte/.test(error.message));
    }
  }
});
