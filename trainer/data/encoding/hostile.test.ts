/**
 * Malicious content of data and models: each ends with a failure or a bad row that names it, in bounded time
 * and memory, and never with a crash.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { StageFailure } from "../../contract/failure.ts";
import { chatMl, tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { RowError } from "../rows/example.ts";
import { batchOf } from "../rows/rowBatch.ts";
import { RowSplitter } from "../rows/rowSplitter.ts";
import { ChatTemplate } from "../template/chatTemplate.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type CodecTexts, codecOf } from "./codec.ts";
import { Encoders } from "./encoders.ts";

const special = { bosToken: undefined, eosToken: "</s>", padToken: undefined, unkToken: undefined };
const messages = [{ role: "user", content: "hello" }];
const render = (text: string) => new ChatTemplate(text, special).render({ messages }, true);

const isFailure = (error: unknown) => error instanceof StageFailure && error.code === 20;

const refusedTemplates: [string, string][] = [
  ["a million parentheses", `{{ ${"(".repeat(400_000)}1${")".repeat(400_000)} }}`],
  ["blocks in blocks", `${"{% if true %}".repeat(60_000)}${"{% endif %}".repeat(60_000)}`],
  ["a block that does not end", "{% for m in messages %}{{ m.content"],
  ["over a million characters", "x".repeat(1_000_001)],
];
for (const [what, text] of refusedTemplates) {
  test(`template: ${what}: refused by name, or rendered`, () => {
    try {
      render(text);
    } catch (error) {
      assert.ok(isFailure(error) || error instanceof RowError, String(error));
    }
  });
}

const refusedRenderings: [string, string][] = [
  ["a range without bound", "{% for i in range(1000000000) %}x{% endfor %}"],
  ["a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"],
  ["a text that doubles", `{% set ns = namespace(t='x') %}${"{% set ns.t = ns.t ~ ns.t %}".repeat(64)}{{ ns.t }}`],
  ["a text of a gigabyte", `{% set ns = namespace(t='x') %}${"{% set ns.t = ns.t ~ ns.t %}".repeat(28)}{{ ns.t }}`],
  ["code", "{{ messages.constructor.constructor('return process')() }}"],
  ["a prototype", "{{ messages[0].__proto__.polluted() }}"],
  ["an exception", "{{ raise_exception('no') }}"],
];
for (const [what, text] of refusedRenderings) {
  test(`template: ${what}: the template is refused`, () =>
    assert.throws(() => render(text), { code: 20, reason: /^Template/ }));
}

test("a template has no access to the clock and renders the same every day", () => {
  assert.equal(render("{{ strftime_now('%d %b %Y') }}"), "26 Jul 2024");
});

const texts = (changes: Partial<CodecTexts> = {}): CodecTexts => ({
  tokenizer: JSON.stringify(tinyTokenizerJson()),
  config: JSON.stringify({ ...tinyTokenizerConfig(), chat_template: chatMl }),
  templates: {},
  ...changes,
});

/** Encodes one row in a process, like prepare. */
async function encodeOne(t: TestContext, given: CodecTexts, content = "hello") {
  const encoders = new Encoders(given, { trainOn: "Responses", truncation: "End", textOverlap: 1, maxTokens: 128 }, 1);
  t.after(() => encoders.close());
  const row = {
    messages: [
      { role: "user", content },
      { role: "assistant", content: "b" },
    ],
  };
  const batch = batchOf([{ line: 7, bytes: Buffer.from(JSON.stringify(row)) }], { format: "Messages", columns: {} });
  return await encoders.encode(batch);
}

test("a template that exhausts the memory ends its process with a failure", async (t) => {
  const loop = "{% for i in range(100000) %}{% set ns.kept = [ns.kept, range(100000)] %}{% endfor %}";
  const template = `{% set ns = namespace(kept=[]) %}${loop}`;
  // On a busy machine its time limit may pass first.
  const reason = /^(EncodingTooLarge|TemplateTooSlow)$/;
  await assert.rejects(encodeOne(t, texts({ templates: { default: template } })), { code: 20, reason });
});

test("a pattern that backtracks for ever is cancelled, and the error names the line", async (t) => {
  const split = { type: "Split", pattern: { Regex: "(h+)+$" }, behavior: "Isolated", invert: false };
  const tokenizer = { ...tinyTokenizerJson() };
  const byteLevel = { ...tokenizer.pre_tokenizer, use_regex: false };
  const slow = { ...tokenizer, pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] } };
  const given = texts({ tokenizer: JSON.stringify(slow) });
  await assert.rejects(encodeOne(t, given, `${"h".repeat(50)}!`), {
    code: 20,
    reason: "TemplateTooSlow",
    message: /line 7/,
  });
});

test("a normalizer that lengthens texts without bound is refused by name", async (t) => {
  const doubling = Array.from({ length: 40 }, () => ({ type: "Replace", pattern: { String: "h" }, content: "hh" }));
  const tokenizer = { ...tinyTokenizerJson(), normalizer: { type: "Sequence", normalizers: doubling } };
  await assert.rejects(encodeOne(t, texts({ tokenizer: JSON.stringify(tokenizer) })), {
    code: 20,
    reason: "TokenizerInvalid",
    message: /normalizer: lengthens a text/,
  });
});

test("tokenizer.json of any wrong type is refused by name", async () => {
  const whole: Record<string, unknown> = tinyTokenizerJson();
  const wrong = [null, 3, "x", [], {}, [1], { type: "Nothing" }, true];
  const config = JSON.stringify(tinyTokenizerConfig());
  const tried = async (value: unknown) => {
    try {
      const tokenizer = await Tokenizer.load({ tokenizer: JSON.stringify(value) ?? "", config });
      await tokenizer.encode("hello <|im_end|> é");
    } catch (error) {
      assert.ok(isFailure(error) || error instanceof RowError, `${JSON.stringify(value)?.slice(0, 200)}: ${error}`);
    }
  };
  for (const value of wrong) {
    await tried(value);
    for (const key of Object.keys(whole)) await tried({ ...whole, [key]: value });
    for (const key of ["vocab", "merges", "unk_token", "type"])
      await tried({ ...whole, model: { ...Object(whole.model), [key]: value } });
    for (const key of ["content", "id", "special"])
      await tried({ ...whole, added_tokens: [{ content: "<x>", id: 258, [key]: value }] });
  }
});

test("tokenizer.json that is garbage, truncated or huge is refused by name", async () => {
  const config = JSON.stringify(tinyTokenizerConfig());
  for (const text of [
    "",
    "\u0000",
    "{",
    "[".repeat(100_000),
    `{"model": ${"1".repeat(1000)}}`,
    JSON.stringify({ ...tinyTokenizerJson(), normalizer: 0 }).replace(
      '"normalizer":0',
      `"normalizer":${'{"type":"Sequence","normalizers":['.repeat(50_000)}${"]}".repeat(50_000)}`,
    ),
    " ".repeat(134_217_729),
  ]) {
    await assert.rejects(Tokenizer.load({ tokenizer: text, config }), isFailure);
  }
  await assert.rejects(codecOf(texts({ config: "[]" })), isFailure);
  await assert.rejects(codecOf(texts({ config: '{"eos_token": {"__proto__": 1}}' })), isFailure);
});

test("rows of random bytes give rows or faults and nothing else", async (t) => {
  const encoders = new Encoders(texts(), { trainOn: "All", truncation: "End", textOverlap: 1, maxTokens: 128 }, 1);
  t.after(() => encoders.close());
  let state = 99;
  const random = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  const good = Buffer.from('{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}');
  const rows = Array.from({ length: 2000 }, (_, line) => {
    const bytes = Uint8Array.from(good);
    for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256);
    return { line, bytes };
  });
  const encoded = await encoders.encode(batchOf(rows, { format: "Messages", columns: {} }));
  assert.equal(encoded.lines.length + encoded.faults.length, rows.length);
  assert.ok(encoded.faults.every(({ reason }) => reason.length > 0 && reason.length < 1000));
});

test("a list or a line of random bytes is split into rows in bounded memory", () => {
  for (const first of ["[", "{"]) {
    const splitter = new RowSplitter("f");
    splitter.push(Buffer.from(first));
    const chunk = Buffer.alloc(1 << 20, '"\\,[]{}x');
    for (let i = 0; i < 80; i++) splitter.push(chunk);
  }
});
