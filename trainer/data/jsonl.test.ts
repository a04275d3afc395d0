import assert from "node:assert/strict";
import { test } from "node:test";
import { RowError } from "./example.ts";
import { isBlank, lines, maxLineBytes, parseLine } from "./jsonl.ts";

/** A stream of these chunks of text. */
async function* chunks(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part);
}

async function read(...parts: string[]): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const { number, bytes } of lines(chunks(...parts), "f"))
    found.push([number, Buffer.from(bytes).toString()]);
  return found;
}

test("lines are the same however the file is cut into chunks", async () => {
  const text = '{"a":1}\n\n{"b":"é"}\nlast';
  const whole = await read(text);
  assert.deepEqual(whole, [
    [1, '{"a":1}'],
    [2, ""],
    [3, '{"b":"é"}'],
    [4, "last"],
  ]);
  for (let at = 0; at <= text.length; at++) assert.deepEqual(await read(text.slice(0, at), text.slice(at)), whole);
  assert.deepEqual(await read(...text), whole);
  assert.deepEqual(await read("a\n"), [[1, "a"]]);
  assert.deepEqual(await read(), []);
});

test("a value is read past a byte-order mark and a carriage return; what is no JSON is an error", () => {
  const line = (text: string | Uint8Array) => ({ number: 1, bytes: Buffer.from(text) });
  assert.deepEqual(parseLine(line('\ufeff{"a":1}\r')), { a: 1 });
  assert.ok(isBlank(line(" \t\r")));
  assert.ok(!isBlank(line("0")));
  assert.throws(() => parseLine(line("{'a': 1}")), RowError);
  assert.throws(() => parseLine(line(Uint8Array.of(0x22, 0xff, 0x22))), /not UTF-8/);
});

test("a line without end is refused before it fills the memory", async () => {
  async function* endless() {
    const chunk = Buffer.alloc(1 << 20, "x");
    for (;;) yield chunk;
  }
  const reading = (async () => {
    for await (const _ of lines(endless(), "big.jsonl")) assert.fail("there is no line");
  })();
  await assert.rejects(reading, { code: 20, message: new RegExp(`big\\.jsonl:1: longer than ${maxLineBytes}`) });
});
