/** Thoughts before an answer, with the templates of the families that write them. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../testing/tinyModel.ts";
import { type Codec, codecOf } from "./codec.ts";
import { spokenParts } from "./thoughts.ts";

const marks = ["<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>", "<think>", "</think>"];

/** A tokenizer with the tokens that these templates write, each byte else a token. */
async function codec(template: string): Promise<Codec> {
  const tokenizer = tinyTokenizerJson();
  const { vocab } = tokenizer.model;
  const first = Object.keys(vocab).length;
  const added = marks.map((content, index) => ({ ...tokenizer.added_tokens[0]!, id: first + index, content }));
  const file = new URL(`../../../test/golden/templates/${template}.jinja`, import.meta.url);
  return await codecOf({
    tokenizer: JSON.stringify({ ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] }),
    config: JSON.stringify({ ...tinyTokenizerConfig(), chat_template: await readFile(file, "utf8") }),
  });
}

/** The parts that are shown after each token of an answer, without repetitions. */
async function shownOf(template: string, answer: string): Promise<string[][]> {
  const { tokenizer, ...facts } = await codec(template);
  const ids = await tokenizer.encode(answer);
  const steps = ids.map((_, index) => {
    const { thoughts, answer } = spokenParts(ids.slice(0, index + 1), facts);
    return [tokenizer.decode(thoughts), tokenizer.decode(answer)];
  });
  return steps.filter((step, index) => step.join("|") !== (steps[index - 1] ?? ["", ""]).join("|"));
}

test("gpt-oss: the final channel is the answer, and the channels before it are thoughts", async () => {
  const final = "<|channel|>final<|message|>";
  assert.deepEqual(await shownOf("gpt-oss", `${final}ok`), [
    ["", "o"],
    ["", "ok"],
  ]);
  assert.deepEqual(await shownOf("gpt-oss", `<|channel|>analysis<|message|>hm<|end|><|start|>assistant${final}ok`), [
    ["h", ""],
    ["hm", ""],
    ["hm", "o"],
    ["hm", "ok"],
  ]);
  const twice = "<|end|><|start|>assistant<|channel|>commentary<|message|>so";
  const steps = await shownOf("gpt-oss", `<|channel|>analysis<|message|>a${twice}<|end|><|start|>assistant${final}b`);
  assert.equal(steps.at(-1)![1], "b");
  assert.ok(steps.slice(0, -1).every(([, answer]) => answer === ""));
});

test("Qwen 3: the text before </think> is thoughts, and the empty ones are not shown", async () => {
  assert.deepEqual((await shownOf("qwen3", "<think>\n\n</think>\n\nok")).at(-1), ["", "ok"]);
  assert.deepEqual((await shownOf("qwen3", "<think>\nhm\n</think>\n\nok")).at(-1), ["\nhm\n", "\n\nok"]);
  assert.deepEqual((await shownOf("qwen3", "<think>\nhm")).at(-1), ["\nhm", ""]);
  assert.deepEqual((await shownOf("qwen3", "ok")).at(-1), ["", "ok"]);
});

test("a template without thoughts leaves an answer as it is", async () => {
  const { thoughts } = await codec("chatml");
  assert.equal(thoughts, undefined);
  assert.deepEqual((await shownOf("chatml", "<think>ok")).at(-1), ["", "ok"]);
});
