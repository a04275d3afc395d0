/** Values written as by `repr`, `str` and `json.dumps` of Python 3.11. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonFloat } from "../rows/example.ts";
import { runtimeValue } from "./jinja.ts";
import { type JsonStyle, pythonFloat, pythonJson, pythonText } from "./pythonText.ts";

const floats: [number, string][] = [
  [0, "0.0"],
  [-0, "-0.0"],
  [2, "2.0"],
  [-1.5, "-1.5"],
  [0.1, "0.1"],
  [0.0001, "0.0001"],
  [-0.00012345, "-0.00012345"],
  [0.00001, "1e-05"],
  [1.25e-7, "1.25e-07"],
  [123456.789, "123456.789"],
  [1e15, "1000000000000000.0"],
  [1234567890123456.8, "1234567890123456.8"],
  [1e16, "1e+16"],
  [1.2345678901234568e17, "1.2345678901234568e+17"],
  [5e-324, "5e-324"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
];
for (const [value, written] of floats) {
  test(`a float is written as in Python: ${written}`, () => assert.equal(pythonFloat(value), written));
}

const hard = {
  b: [1, new JsonFloat(2), true, null, "it's", 'a "b"', `'"`, "é\u00a0\u200b\n\\😀\u{e000}"],
  a: {},
  "😀": [],
  "\uff5e": "",
};

test("a value in a text is written as repr does", () => {
  assert.equal(
    pythonText(runtimeValue(hard)),
    `{'b': [1, 2.0, True, None, "it's", 'a "b"', '\\'"', 'é\\xa0\\u200b\\n\\\\😀\\ue000'], 'a': {}, '😀': [], '～': ''}`,
  );
  assert.equal(pythonText(runtimeValue("it's")), "it's");
  assert.equal(pythonText(runtimeValue(undefined)), "");
});

test("JSON is written as json.dumps does", () => {
  const plain: JsonStyle = { ensureAscii: false, indent: undefined, separators: [", ", ": "], sortKeys: false };
  const value = runtimeValue({ b: [1e-7, new JsonFloat(2), "é\u007f\u2028"], a: {}, "😀": [], "\uff5e": [[]] });
  assert.equal(pythonJson(value, plain), '{"b": [1e-07, 2.0, "é\u007f\u2028"], "a": {}, "😀": [], "～": [[]]}');
  assert.equal(
    pythonJson(value, { ensureAscii: true, indent: 2, separators: [",", ": "], sortKeys: true }),
    '{\n  "a": {},\n  "b": [\n    1e-07,\n    2.0,\n    "\\u00e9\\u007f\\u2028"\n  ],\n  "\\uff5e": [\n    []\n  ],\n  "\\ud83d\\ude00": []\n}',
  );
});
