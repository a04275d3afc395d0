/** Adapters that train router and experts whole have PEFT's tensors on transformers 5, and those of earlier versions are read. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { widened } from "../../trainer/formats/bfloat16.ts";
import { decodeTensors } from "../../trainer/formats/safetensors.ts";
import { methodOf } from "../../trainer/methods/index.ts";
import type { NamedValues } from "../../trainer/methods/peft.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { writtenTensors } from "../../trainer/weights/fusedExperts.ts";
import { modelConfigOf, tensorsOf } from "../support/modelDirectory.ts";
import { openWith } from "./engines.ts";
import { goldenPath, readFamilies, Tensors } from "./goldens.ts";
import { onCpu } from "./holdCases.ts";
import { distance, logits } from "./measure.ts";

const families = ["mixtral", "qwen3moe", "gptoss"] as const;

async function adapterOf(family: string) {
  const adapter = await readPeftAdapter(new Stores(), pathToFileURL(goldenPath(`peft-experts-${family}`)).href);
  assert.ok(adapter);
  const golden = readFamilies().find(({ name }) => name === family)!;
  return { ...adapter, golden: { ...golden, settings: { ...golden.settings, method: adapter.settings } } };
}

for (const family of families) {
  test(`an adapter of PEFT with the router and the experts of ${family} gives the same logits here, and is written with the same tensors`, async () => {
    const { tensors, settings, golden } = await adapterOf(family);
    using run = await openWith(golden, onCpu, tensors);
    const parameters = run.engine.stateOf("parameter");
    assert.deepEqual([...tensors.keys()].sort(), parameters.map(({ name }) => name).sort());
    const expected = new Tensors(`peft-experts-${family}/logits.safetensors`).values("logits");
    assert.ok(distance(await logits(run), expected) <= 1e-5);

    const named = parameters.map(({ name, shape }): NamedValues => ({ name, shape, values: tensors.get(name)! }));
    const written = new Map(
      methodOf(settings)
        .peft!.toPeft(named)
        .map((tensor) => [tensor.name, tensor]),
    );
    const theirs = decodeTensors(readFileSync(goldenPath(`peft-experts-${family}/adapter_model.safetensors`)));
    assert.deepEqual([...written.keys()].sort(), [...theirs.keys()].sort());
    for (const [name, { shape, data }] of theirs) {
      assert.deepEqual([...written.get(name)!.shape], [...shape], name);
      assert.deepEqual(written.get(name)!.values, widened(data, "F32"), name);
    }
  });
}

test("a written mixture has the tensors of its checkpoint, by name and shape", async () => {
  for (const family of families) {
    const directory = goldenPath(`family-${family}`);
    const stored = new Tensors(`family-${family}/model.safetensors`);
    const written = writtenTensors([...(await tensorsOf(directory)).table.values()], modelConfigOf(directory));
    assert.deepEqual(
      written.map(({ name, shape }) => `${name} [${shape}]`).sort(),
      stored
        .names()
        .map((name) => `${name} [${stored.entry(name).shape}]`)
        .sort(),
    );
  }
});

test("an adapter of a PEFT before transformers 5, with Mixtral's earlier names, is read as the same", async () => {
  const { tensors, settings } = await adapterOf("mixtral");
  const parts = { gate_proj: "w1", up_proj: "w3", down_proj: "w2" } as const;
  const earlier = [...tensors].map(([name, values]): NamedValues => {
    const renamed = name
      .replace(".mlp.", ".block_sparse_moe.")
      .replace(/\.(gate_proj|up_proj|down_proj)\.weight$/, (_, part: keyof typeof parts) => `.${parts[part]}.weight`);
    return { name: `base_model.model.${renamed}`, shape: [values.length], values };
  });
  assert.ok(earlier.some(({ name }) => name.endsWith("layers.1.block_sparse_moe.experts.3.w2.weight")));
  const read = methodOf(settings).peft!.fromPeft(earlier, {});
  assert.deepEqual(new Map(read.map(({ name, values }) => [name, values])), tensors);
});

test("experts of a shape that no layer has are refused with the tensor", async () => {
  const method = methodOf((await adapterOf("mixtral")).settings);
  const fault = (shape: number[]) =>
    method.peft!.fault({ key: "base_model.model.model.layers.0.mlp.experts.gate_up_proj", shape }, () => true, {});
  for (const shape of [
    [4, 7, 16],
    [48, 16],
    [4, 0, 16],
  ])
    assert.match(fault(shape)!, /experts\.gate_up_proj has shape \[[\d, ]+\], which is not that of all experts/);
  assert.equal(fault([4, 48, 16]), undefined);
});
