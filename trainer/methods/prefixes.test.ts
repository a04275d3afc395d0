/** Prefixes and prompts on models with windows and with several rotary embeddings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CompileError, compile } from "../compile/compile.ts";
import { usualMethod } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import { aSpec, tinyModel } from "../testing/compiledRun.ts";

const compiled = (kind: string, changes: Partial<ModelConfig>) =>
  compile(aSpec({ model: { ...tinyModel, ...changes }, method: { ...usualMethod(kind), virtualTokens: 4 } }));

const refused = (kind: string, changes: Partial<ModelConfig>, reason: RegExp) =>
  assert.throws(
    () => compiled(kind, changes),
    (error) => error instanceof CompileError && reason.test(error.message),
  );

const { contextLength, headDim } = tinyModel;

for (const kind of ["prefixTuning", "promptTuning", "pTuning"]) {
  test(`${kind} trains with a window as long as the context, and is refused with a shorter one`, () => {
    assert.ok(compiled(kind, { family: "mistral", slidingWindow: contextLength }));
    const slidingWindow = contextLength - 1;
    const reason = new RegExp(
      `method\\.${kind} .* the last ${slidingWindow} of ${contextLength} tokens: set method\\.lora`,
    );
    refused(kind, { family: "mistral", slidingWindow }, reason);
  });
}

test("a prompt is refused where sliding layers have a rotary base of their own, or long examples another rotation", () => {
  const factors = Array.from({ length: headDim / 2 }, () => 1);
  const ropeScaling = {
    type: "longrope",
    shortFactor: factors,
    longFactor: factors,
    originalContext: 16,
    attentionFactor: 1,
  } as const;
  for (const kind of ["promptTuning", "pTuning"]) {
    const window = { slidingWindow: contextLength, localRope: { theta: 10_000 } };
    refused(kind, window, /one rotary base, but sliding layers .* have their own: set method\.lora/);
    refused(kind, { ropeScaling }, /same rotation .* \(longrope\): set method\.lora/);
  }
  assert.ok(compiled("prefixTuning", { ropeScaling }));
});
