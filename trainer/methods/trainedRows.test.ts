/** Trained rows of tokens: their cost, what is refused, and PEFT's forms of the list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { elementsOf } from "../graph/tensor.ts";
import { aSpec, tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { registeredMethods } from "./index.ts";

const untied = { ...tinyModel, tieWordEmbeddings: false };
const spec = (changes: object, model = untied) => aSpec({ model, method: { ...tinyLora, ...changes } });

test("only the rows are parameters; the whole matrix is derived from them once per step", () => {
  const run = compile(spec({ trainableTokens: { embed_tokens: [3, 1], lm_head: [2] } }));
  const sizes = (role: string) =>
    Object.fromEntries(
      run.state
        .filter((one) => one.role === role && one.name.includes("token_adapter"))
        .map(({ name, shape }) => [name, elementsOf(shape)]),
    );
  const width = untied.hiddenSize;
  const [embedding, head] = ["model.embed_tokens", "lm_head"].map((name) => `${name}.token_adapter`);
  const rows = { [`${embedding}.trainable_tokens_delta`]: 2 * width, [`${head}.trainable_tokens_delta`]: width };
  for (const role of ["parameter", "gradient", "moment1", "moment2"]) assert.deepEqual(sizes(role), rows);
  const whole = untied.vocabSize * width;
  for (const role of ["derived", "cotangent"])
    assert.deepEqual(sizes(role), { [`${embedding}.weight`]: whole, [`${head}.weight`]: whole });
});

test("rows that a model cannot train are refused, and the error names the field", () => {
  const refused = (changes: object, reason: RegExp, model = untied) =>
    assert.throws(() => compile(spec(changes, model)), reason);
  const { vocabSize } = untied;
  refused(
    { trainableTokens: { embed_tokens: [vocabSize] } },
    new RegExp(`trainableTokens.embed_tokens: token ${vocabSize} is beyond`),
  );
  refused({ trainableTokens: { lm_head: [1] } }, /trainableTokens: .* remove lm_head/, {
    ...untied,
    tieWordEmbeddings: true,
  });
  refused({ trainableTokens: { lm_head: [1] }, modulesToSave: ["lm_head"] }, /modulesToSave trains lm_head already/);
  const both = { trainableTokens: { embed_tokens: [1] }, targetModules: ["q_proj", "embed_tokens"] };
  refused(both, /targetModules trains embed_tokens already/);
});

const config = { peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj"] };
const lora = registeredMethods().find(({ declaration }) => declaration.kind === "lora")!;
const read = (indices: unknown) => lora.readPeft({ ...config, trainable_token_indices: indices })?.trainableTokens;

test("PEFT's list is of the embedding, and its lists by module are read in their order", () => {
  assert.deepEqual(read(null), {});
  assert.deepEqual(read([7, 2]), { embed_tokens: [7, 2] });
  assert.deepEqual(read({ embed_tokens: [7, 2], lm_head: [1] }), { embed_tokens: [7, 2], lm_head: [1] });
  for (const strange of [[], [1, 1], [-1], ["a"], { wte: [1] }, 7, { lm_head: [] }])
    assert.throws(
      () => read(strange),
      /trainable_token_indices is .*; it must be lists of distinct tokens of embed_tokens and lm_head/,
    );
});
