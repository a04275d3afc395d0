import assert from "node:assert/strict";
import { test } from "node:test";
import { maxRowBytes, RowSplitter } from "./rowSplitter.ts";

const tooLong = `is longer than ${maxRowBytes} bytes`;

/** Line of each row of a file in these chunks, and its text or fault. */
function read(...chunks: (string | Uint8Array)[]): [number, string][] {
  const splitter = new RowSplitter("f");
  const rows = [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.end()];
  return rows.map(({ line, bytes, fault }) => [line, fault ?? Buffer.from(bytes).toString().trim()]);
}

/** Checks that the rows are the same for any cut into two chunks, and byte by byte. */
function readInPieces(text: string): [number, string][] {
  const whole = read(text);
  const bytes = Buffer.from(text);
  for (let at = 0; at <= bytes.length; at++) assert.deepEqual(read(bytes.subarray(0, at), bytes.subarray(at)), whole);
  assert.deepEqual(read(...Array.from(bytes, (byte) => Uint8Array.of(byte))), whole);
  return whole;
}

test("the rows do not depend on the division into chunks", () => {
  assert.deepEqual(readInPieces('{"a":1}\n\n \t\r\n{"b":"é"}\nlast'), [
    [1, '{"a":1}'],
    [4, '{"b":"é"}'],
    [5, "last"],
  ]);
  assert.deepEqual(readInPieces('\ufeff{"a":1}\r\n'), [[1, '{"a":1}']]);
  assert.deepEqual(read("a\n"), [[1, "a"]]);
  assert.deepEqual(read(), []);
  assert.deepEqual(read(" \n"), []);
});

test("elements of a list are rows with the lines where they begin", () => {
  const text = '\ufeff\n[\n {"a": [1, {"b": "]},[\\"\\\\"}]},\n\n{"c":\n2}, "x,y", 3\n]\n';
  assert.deepEqual(readInPieces(text), [
    [3, '{"a": [1, {"b": "]},[\\"\\\\"}]}'],
    [5, '{"c":\n2}'],
    [6, '"x,y"'],
    [6, "3"],
  ]);
  assert.deepEqual(readInPieces("[]"), []);
  const comma = "has a comma without an element of the list: remove the comma";
  assert.deepEqual(readInPieces("[1,\n]"), [
    [1, "1"],
    [2, comma],
  ]);
  assert.deepEqual(readInPieces("[1,,2]"), [
    [1, "1"],
    [1, comma],
    [1, "2"],
  ]);
});

test("a list that is truncated or followed by content is refused with its line", () => {
  assert.throws(() => read('[{"a":1},\n{"b"'), {
    code: 23,
    reason: "DataDamaged",
    message: /^f:2: the list is not closed/,
  });
  assert.throws(() => read("[1]\n[2]"), { code: 20, message: /^f:2: there is content after/ });
});

test("a file whose last line ends within an object is truncated, and no bad row", () => {
  const cut = { code: 23, reason: "DataDamaged", message: /^f:2: the last line ends within an object.*copy the file/ };
  const whole = '{"a":[1,"é"]}';
  const bytes = Buffer.from(whole);
  for (let end = 1; end < bytes.length; end++)
    assert.throws(() => read('{"a":1}\n', bytes.subarray(0, end)), cut, String(end));
  for (const last of [whole, `${whole} `, '{"a":1}}', "{'a':1", '{"a" 1', "last"])
    assert.deepEqual(read(`{"a":1}\n${last}`)[1], [2, last.trim()]);
  assert.deepEqual(read('{"a":\n{"a":1}')[0], [1, '{"a":']);
});

test("a row over the limit is reported at once and skipped, and the rows after it are read", () => {
  const chunk = Buffer.alloc(1 << 20, "x");
  const endless = new RowSplitter("f");
  let given = 0;
  for (let i = 0; i < 64; i++) given += endless.push(chunk).length;
  assert.equal(given, 1);
  const long = Array.from({ length: maxRowBytes / chunk.length + 1 }, () => chunk);
  assert.deepEqual(read("1\n", ...long, "\n3\n"), [
    [1, "1"],
    [2, tooLong],
    [3, "3"],
  ]);
  assert.deepEqual(read('[1,\n"', ...long, '"\n,3]'), [
    [1, "1"],
    [2, tooLong],
    [3, "3"],
  ]);
});
