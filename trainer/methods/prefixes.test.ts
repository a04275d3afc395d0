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
  assert.equal(roomBehind({ contextLength: 64, slidingWindow: 16 }, 0), 64);
  assert.equal(roomBehind({ contextLength: 64, slidingWindow: 16 }, 4), 12);
  assert.equal(roomBehind({ contextLength: 64 }, 4), 60);
});

test("a prompt is refused where long examples are rotated otherwise, by the facts that a job's status keeps", () => {
  for (const kind of ["promptTuning", "pTuning"])
    refused(kind, { family: "phi3", rotatesByLength: true }, /same rotation .* \(longrope\): set method\.lora/);
  assert.ok(compiled("prefixTuning", { family: "phi3", rotatesByLength: true }));
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

/** Inputs of a row that is one example, with every table. */
function exampleOf(tokens: readonly number[], offset: number): Values {
  const { cos, sin, others } = ropeTable(gemma, tokens.length, offset);
  const batch = batchOf([{ id: 0, tokens }], tokens.length, 1);
  return { ...batch, windowStart: batch.segmentStart!, cos, sin, ...Object.fromEntries(others) };
}

test("a prompt of Gemma 3 acts as its embeddings do before an example, in the layers with each rotary base", async () => {
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
  const spec = { model: gemma, precision: "F64" } as const;
  const { training: _, ...frozen } = aSpec({ ...spec, method: { kind: "none" }, rowTokens: 10 });
  const whole = await nllOf(compile(frozen), exampleOf([...before, ...tokens], 0), 10);
  const { vocabSize, hiddenSize: width } = gemma;
  const embedding = startOf("model.embed_tokens.weight", [vocabSize, width]);
  // Without the scaling of the tokens' embeddings, as PEFT puts a prompt before Gemma.
  const rows = before.flatMap((id) => [...embedding.subarray(id * width, (id + 1) * width)]);
  const prompt = Float32Array.from(rows, (value) => value * Math.sqrt(width));
  const method = { ...usualMethod("promptTuning"), virtualTokens: 4 };
  const made = await nllOf(compile(aSpec({ ...spec, method, rowTokens: 6 })), exampleOf(tokens, 4), 6, prompt);
  assert.ok(relativeError(made.subarray(0, 5), whole.subarray(4, 9)) < 1e-6);
  const worded = compile(aSpec({ ...spec, method: { ...method, initialText: "a" } })).state;
  const start = worded.find(({ role }) => role === "parameter")?.initial;
  assert.equal(start?.kind === "text" && start.factor, Math.sqrt(width));
  const planned = modelConfig.parse(gemma);
  const bytesOf = (model: ModelConfig) => compile(aSpec({ model, method })).ioBytes;
  assert.equal(bytesOf(planned), bytesOf(gemma));
});
