/** Verification of exports with the logits of a real model, whose adapter does little. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runTrain } from "../stages/train.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { readAdapter } from "../weights/adapterSource.ts";
import type { AdapterTensors } from "../weights/merge.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { tensorsOf } from "../weights/verifiedBase.ts";
import { compareLogits, effectRefusal, logitsOf, refusalOf } from "./verify.ts";

const scaled = (tensors: AdapterTensors, scale: number): AdapterTensors =>
  new Map(
    [...tensors].map(([name, values]) => [name, name.includes("lora_B") ? values.map((v) => v * scale) : values]),
  );

test("an adapter that is lost or added twice is refused, even if its effect is smaller than the rounding bound", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 4, batchTokens: 128, learningRate: "1e-2" } });
  const { stores, signal } = tiny.context();
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = await readAdapter(stores, `file://${await tiny.runPath()}/adapter`, figures.adapterDigest);
  const base = await StoredModel.inDirectory(stores, `file://${tiny.directory}/base`);
  const { method } = adapter.manifest;
  assert.ok(method.kind === "lora");
  const table = await base.tensors();
  const model = { model: await base.config(), tensors: tensorsOf(base, table), storage: await base.storage(), method };
  const logits = async (scale: number) =>
    await logitsOf(
      { ...model, adapter: scaled(adapter.tensors, scale) },
      [
        [1, 2, 3],
        [70, 80],
      ],
      { threads: 1, onPrompt: () => {}, signal },
    );
  const small = 0.2;
  const [without, expected, twice] = [await logits(0), await logits(small), await logits(2 * small)];
  for (const found of [without, twice]) {
    assert.equal(refusalOf(compareLogits(expected, found), "BF16"), undefined);
    assert.match(effectRefusal(without, expected, found, "BF16") ?? "passed", /times the adapter's effect/);
  }
  assert.equal(effectRefusal(without, expected, expected, "BF16"), undefined);
  assert.equal(effectRefusal(without, without, without, "BF16"), undefined);
});
