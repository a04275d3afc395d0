/** A prompt's initial text, its positions, and its place in the plan. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { compile } from "../../compile/compile.ts";
import { usualMethod } from "../../contract/methods/index.ts";
import { widened } from "../../formats/bfloat16.ts";
import { decodeTensors } from "../../formats/safetensors.ts";
import { runTrain } from "../../stages/train.ts";
import { aSpec } from "../../testing/compiledRun.ts";
import { TinyTraining } from "../../testing/tinyTraining.ts";
import { readPeftAdapter } from "../../weights/adapterSource.ts";

test("the embeddings start as those of the text's tokens, repeated", async (t) => {
  const tiny = await TinyTraining.make(t, {
    method: { promptTuning: { virtualTokens: 5, initialText: "ab" } },
    shape: { contextLength: 128, dtype: "F32" },
    training: { maxSteps: 1, learningRate: "1e-20" },
  });
  await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = await readPeftAdapter(tiny.context().stores, `file://${await tiny.runPath()}/adapter`);
  const found = adapter?.tensors.get("model.embed_tokens.prompt_embeddings");
  const { data } = decodeTensors(await readFile(`${tiny.directory}/base/model.safetensors`)).get(
    "model.embed_tokens.weight",
  )!;
  const embeddings = widened(data, "F32");
  // The tiny tokenizer's ids are the bytes.
  const rows = [..."ababa"].map((letter) => [...embeddings.subarray(letter.charCodeAt(0) * 32).subarray(0, 32)]);
  assert.deepEqual(found && [...found], rows.flat());
});

test("a prompt takes the first positions of the context and trains its embeddings alone", () => {
  for (const kind of ["promptTuning", "pTuning"]) {
    const method = { ...usualMethod(kind), virtualTokens: 7 };
    const compiled = compile(aSpec({ method }));
    assert.equal(compiled.positionOffset, 7);
    assert.throws(() => compile(aSpec({ method, rowTokens: 60 })), /60 tokens behind the method's 7 positions/);
    const ofBase = compiled.state.filter(({ role, name }) => role === "parameter" && name.startsWith("model.layers"));
    assert.deepEqual(ofBase, []);
  }
});
