/** Prefixes and prompts on models with windows and with several rotary embeddings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CompileError, compile } from "../compile/compile.ts";
import { usualMethod } from "../contract/methods/index.ts";
import { type ModelConfig, modelConfig } from "../contract/model.ts";
import type { Compiled } from "../graph/compiled.ts";
import { ropeTable } from "../models/rope.ts";
import { aSpec, batchOf, startOf, TestRun, tinyModel } from "../testing/compiledRun.ts";
import { relativeError, type Values } from "../testing/graphs.ts";
import { roomBehind } from "./prefixes.ts";

const compiled = (kind: string, changes: Partial<ModelConfig>) =>
  compile(aSpec({ model: { ...tinyModel, ...changes }, method: { ...usualMethod(kind), virtualTokens: 4 } }));

const refused = (kind: string, changes: Partial<ModelConfig>, reason: RegExp) =>
  assert.throws(
    () => compiled(kind, changes),
    (error) => error instanceof CompileError && reason.test(error.message),
  );

const { contextLength } = tinyModel;

for (const kind of ["prefixTuning", "promptTuning", "pTuning"]) {
  test(`${kind} trains if the window holds the virtual tokens and the longest example, as without a window`, async () => {
    const rowTokens = aSpec().rowTokens;
    const examples = [{ id: 1, tokens: [3, 11, 5, 7, 2, 9, 4, 1, 8, 13, 6, 10] }];
    const gradientsOf = async (slidingWindow: number | undefined) => {
      const run = new TestRun(compiled(kind, { family: "mistral", slidingWindow }), { backend: "cpu" });
      const batch = batchOf(examples, rowTokens, 1);
      const loss = await run.step([{ ...batch, windowStart: batch.segmentStart! }]);
      const gradients = run.gradients();
      run.close();
      return { loss, gradients };
    };
    assert.deepEqual(await gradientsOf(4 + rowTokens), await gradientsOf(undefined));
    const slidingWindow = 3 + rowTokens;
    const reason = new RegExp(
      `method\\.${kind} .* the last ${slidingWindow} tokens, and examples may have ${rowTokens}: ` +
        `set dataset\\.maxSequenceLength to at most ${slidingWindow - 4}, or set method\\.lora`,
    );
    refused(kind, { family: "mistral", slidingWindow }, reason);
    refused(kind, { family: "mistral", slidingWindow: 4 }, /examples may have 12: set method\.lora/);
  });
}

test("a conversation behind a prefix has the room that the window leaves", () => {
  const [none, prefix, prompt] = [
    { positionOffset: 0, hasPrompt: false },
    { positionOffset: 4, hasPrompt: false },
    { positionOffset: 4, hasPrompt: true },
  ];
  assert.equal(roomBehind({ contextLength: 64, slidingWindow: 16 }, none), 64);
  assert.equal(roomBehind({ contextLength: 64, slidingWindow: 16 }, prefix), 12);
  assert.equal(roomBehind({ contextLength: 64 }, prefix), 60);
  const longRope = { contextLength: 64, originalContext: 32 };
  assert.deepEqual(
    [none, prefix, prompt].map((method) => roomBehind(longRope, method)),
    [64, 60, 28],
  );
});

test("a prompt is refused where long examples are rotated otherwise, by the facts that a job's status keeps", () => {
  const { rowTokens } = aSpec();
  for (const kind of ["promptTuning", "pTuning"]) {
    const reason =
      /same rotation .* more than 15 tokens otherwise \(longrope\), .* 12 behind the 4 .* at most 11, or set method\.lora/;
    refused(kind, { family: "phi3", originalContext: 3 + rowTokens }, reason);
    refused(kind, { family: "phi3", originalContext: 4 }, /virtual ones: set method\.lora/);
    assert.ok(compiled(kind, { family: "phi3", originalContext: 4 + rowTokens }));
  }
  assert.ok(compiled("prefixTuning", { family: "phi3", originalContext: 4 }));
});

/** Gemma 3 with a window as long as the context, whose first layer has a rotary base of its own. */
const gemma: ModelConfig = {
  ...tinyModel,
  family: "gemma3_text",
  slidingWindow: contextLength,
  slidingLayers: [0],
  localRope: { theta: 50 },
  attentionScale: 0.3,
};

/** Phi-3 whose original context holds the prompt and the example, and no more. */
const phi3: ModelConfig = {
  ...tinyModel,
  family: "phi3",
  originalContext: 10,
  ropeScaling: {
    type: "longrope",
    shortFactor: Array.from({ length: tinyModel.headDim / 2 }, (_, i) => 1 + i / 8),
    longFactor: Array.from({ length: tinyModel.headDim / 2 }, (_, i) => 3 + i),
    originalContext: 10,
    attentionFactor: 1.2,
  },
};

/** Inputs of a row that is one example, with every table. */
function exampleOf(model: ModelConfig, tokens: readonly number[], offset: number): Values {
  const { cos, sin, others } = ropeTable(model, tokens.length, offset);
  const batch = batchOf([{ id: 0, tokens }], tokens.length, 1);
  return { ...batch, windowStart: batch.segmentStart!, cos, sin, ...Object.fromEntries(others) };
}

test("a prompt of Gemma 3 acts as its embeddings do before an example, in the layers with each rotary base", () =>
  actsAsEmbeddings(gemma, Math.sqrt(gemma.hiddenSize)));

test("a prompt of Phi-3 acts as its embeddings do before an example within the original context", () =>
  actsAsEmbeddings(phi3, 1));

/** `factor`: of the model's embeddings of tokens. */
async function actsAsEmbeddings(model: ModelConfig, factor: number): Promise<void> {
  const [before, tokens] = [
    [3, 11, 5, 7],
    [2, 9, 4, 1, 8, 13],
  ];
  const nllOf = async (compiled: Compiled, inputs: Values, trainedRows: number, prompt?: Float32Array) => {
    const run = new TestRun(compiled, { backend: "reference64" });
    const theta = run.names("parameter").at(0);
    if (prompt && theta !== undefined) run.floats("parameter", theta).set(prompt);
    await run.run({ program: "derive" });
    const { nll } = await run.run({ program: "evaluate", trainedRows }, inputs);
    run.close();
    return nll!;
  };
  const spec = { model, precision: "F64" } as const;
  const { training: _, ...frozen } = aSpec({ ...spec, method: { kind: "none" }, rowTokens: 10 });
  const whole = await nllOf(compile(frozen), exampleOf(model, [...before, ...tokens], 0), 10);
  const { vocabSize, hiddenSize: width } = model;
  const embedding = startOf("model.embed_tokens.weight", [vocabSize, width]);
  // Without the scaling of the tokens' embeddings, as PEFT puts a prompt before Gemma.
  const rows = before.flatMap((id) => [...embedding.subarray(id * width, (id + 1) * width)]);
  const prompt = Float32Array.from(rows, (value) => value * factor);
  const method = { ...usualMethod("promptTuning"), virtualTokens: 4 };
  const made = await nllOf(compile(aSpec({ ...spec, method, rowTokens: 6 })), exampleOf(model, tokens, 4), 6, prompt);
  assert.ok(relativeError(made.subarray(0, 5), whole.subarray(4, 9)) < 1e-6);
  const worded = compile(aSpec({ ...spec, rowTokens: 6, method: { ...method, initialText: "a" } })).state;
  const start = worded.find(({ role }) => role === "parameter")?.initial;
  assert.equal(start?.kind === "text" && (start.factor ?? 1), factor);
  const planned = modelConfig.parse(model);
  const bytesOf = (facts: ModelConfig) => compile(aSpec({ model: facts, method, rowTokens: 6 })).ioBytes;
  assert.equal(bytesOf(planned), bytesOf(model));
}
