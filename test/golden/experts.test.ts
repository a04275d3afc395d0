/** Mixtures of experts in NF4, packed, and with parts that no method may train alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CompileError, compile, linearLayers } from "../../trainer/compile/compile.ts";
import { effectiveMethod, usualMethod } from "../../trainer/contract/methods/index.ts";
import { dequantizeNf4 } from "../../trainer/formats/nf4.ts";
import type { TensorData } from "../../trainer/formats/safetensorsWriter.ts";
import { nf4Parts } from "../../trainer/graph/nf4.ts";
import { elementsOf } from "../../trainer/graph/tensor.ts";
import { addon } from "../../trainer/native/addon.ts";
import { aSpec, batchOf, TestRun, tinyModel } from "../../trainer/testing/compiledRun.ts";
import { modelConfigOf } from "../support/modelDirectory.ts";
import { type GoldenRun, openCase } from "./engines.ts";
import { goldenPath, readFamilies, Tensors } from "./goldens.ts";
import { onCpu } from "./holdCases.ts";
import { distance, forwardBackward, logits } from "./measure.ts";

const golden = readFamilies().find(({ name }) => name === "qwen3moe")!;
const config = modelConfigOf(goldenPath(golden.settings.base));

/** The base with its linear layers in NF4, and the base that these bits stand for. */
function quantized(): { nf4: TensorData[]; restored: TensorData[] } {
  const base = new Tensors(`${golden.settings.base}/model.safetensors`);
  const layers = new Set(linearLayers(config).map(({ name }) => `${name}.weight`));
  const [nf4, restored]: [TensorData[], TensorData[]] = [[], []];
  for (const name of base.names()) {
    const { shape } = base.entry(name);
    const plain = { name, dtype: "F32", shape, data: base.bytes(name) } as const;
    const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(plain.data, "F32", true);
    if (!layers.has(name)) {
      for (const tensors of [nf4, restored]) tensors.push(plain);
      continue;
    }
    const data = [packed, absmax, nestedAbsmax!];
    for (const [index, part] of nf4Parts(name, shape, true).entries()) nf4.push({ ...part, data: data[index]! });
    const values = dequantizeNf4({ packed, absmax, nestedAbsmax: nestedAbsmax! }, elementsOf(shape));
    restored.push({ ...plain, data: new Uint8Array(values.buffer) });
  }
  return { nf4, restored };
}

test("experts in NF4 compute what their restored matrices compute, and the router is not quantised", async () => {
  const names = linearLayers(config).map(({ name }) => name);
  assert.ok(names.includes("model.layers.1.mlp.experts.4.down_proj"));
  assert.ok(!names.some((name) => name.endsWith(".gate")));
  const { nf4, restored } = quantized();
  const settings = { ...golden.settings, method: usualMethod("lora") };
  using small = await openCase({ ...golden, settings: { ...settings, nf4: "double" } }, onCpu, nf4);
  using plain = await openCase({ ...golden, settings }, onCpu, restored);
  assert.ok(distance(await logits(small), await logits(plain)) < 1e-5);
});

test("LoRA on experts in NF4 has the gradients that it has on their restored matrices", async () => {
  const { nf4, restored } = quantized();
  const targetParameters = ["experts.gate_up_proj", "experts.down_proj"];
  const method = effectiveMethod({ lora: { targetModules: [], targetParameters, rank: 3 } });
  const settings = { ...golden.settings, method };
  const gradients = async (run: GoldenRun) => {
    for (const { name } of run.engine.stateOf("parameter"))
      run.engine.floats("parameter", name).forEach((_, i, values) => {
        values[i] = Math.sin(i + name.length) / 4;
      });
    await run.engine.run({ program: "derive" });
    await forwardBackward(run);
    return run.engine.stateOf("gradient").map(({ name }) => [name, run.engine.floats("gradient", name)] as const);
  };
  using small = await openCase({ ...golden, settings: { ...settings, nf4: "double" } }, onCpu, nf4);
  using plain = await openCase({ ...golden, settings }, onCpu, restored);
  const expected = new Map(await gradients(plain));
  assert.equal(expected.size, 4);
  for (const [name, values] of await gradients(small)) {
    assert.ok(expected.get(name)!.some((value) => value !== 0));
    assert.ok(distance(values, expected.get(name)!) < 1e-5, name);
  }
});

const model = {
  ...tinyModel,
  family: "mixtral",
  experts: { count: 5, chosen: 2, width: 12 },
  normalizesExperts: true,
} as const;

test("a token's loss is bit-identical for any examples packed beside it, which go to the same experts", async () => {
  const ids = [3, 17, 5, 28, 11, 8];
  for (const precision of ["F32", "BF16"] as const) {
    const run = new TestRun(compile(aSpec({ model, precision, rowTokens: 40 })), { backend: "cpu" });
    const example = { id: 1, tokens: ids };
    const other = { id: 2, tokens: Array.from({ length: 31 }, (_, i) => (7 * i) % 29) };
    await run.run({ program: "derive" });
    const nllOf = async (examples: (typeof example)[]) =>
      (await run.run({ program: "evaluate", trainedRows: 40 }, batchOf(examples, 40, 1))).nll!;
    const alone = await nllOf([example]);
    const packed = await nllOf([other, example]);
    run.close();
    assert.deepEqual(packed.subarray(30, 35), alone.subarray(0, 5));
  }
});

test("gradients of experts and router are bit-identical for any number of threads and with recomputed blocks", async () => {
  const gradients = async (threads: number, recomputedBlocks: number) => {
    const run = new TestRun(compile(aSpec({ model, rowTokens: 24, recomputedBlocks })), { backend: "cpu", threads });
    const tokens = Array.from({ length: 24 }, (_, i) => (5 * i + 3) % 29);
    await run.step([batchOf([{ id: 0, tokens }], 24, 1)]);
    const made = run.gradients();
    run.close();
    return made;
  };
  const expected = await gradients(1, 0);
  assert.ok(expected.get("model.layers.1.mlp.gate.weight")!.some((value) => value !== 0));
  assert.deepEqual(await gradients(3, 2), expected);
});

test("the router trains by modulesToSave, experts all together, and one alone is refused with the fix", () => {
  const trainedBy = (modulesToSave: string[]) =>
    compile(aSpec({ model, method: effectiveMethod({ lora: { modulesToSave } }) }))
      .state.filter(({ role, initial }) => role === "parameter" && initial?.kind === "base")
      .map(({ name }) => name);
  assert.deepEqual(
    trainedBy(["gate"]),
    [0, 1].map((layer) => `model.layers.${layer}.mlp.gate.weight`),
  );
  assert.equal(trainedBy(["experts"]).length, 2 * 5 * 3);
  for (const some of [["experts.3"], ["experts.3.down_proj"], ["gate_proj", "up_proj", "down_proj"]])
    assert.throws(
      () => trainedBy(some),
      (error) =>
        error instanceof CompileError &&
        /modulesToSave: model\.layers\.0\.mlp\.experts\.\d\.\w+ trains only with all experts of its layer.*name experts/.test(
          error.message,
        ),
    );
});

test("gpt-oss trains its router and its experts by modulesToSave, and the experts' biases by bias", () => {
  const gptOss = {
    ...tinyModel,
    family: "gpt_oss",
    experts: { count: 3, chosen: 2, width: 12 },
    attentionBias: true,
  } as const;
  const trainedBy = (settings: Parameters<typeof effectiveMethod>[0]["lora"]) =>
    compile(aSpec({ model: gptOss, method: effectiveMethod({ lora: settings }) }))
      .state.filter(({ role, initial }) => role === "parameter" && initial?.kind === "base")
      .map(({ name }) => name)
      .filter((name) => name.includes("layers.0."));
  const at = "model.layers.0.mlp";
  assert.deepEqual(trainedBy({ modulesToSave: ["router"] }), [`${at}.router.weight`, `${at}.router.bias`]);
  const experts = ["gate_up_proj", "down_proj"].map((name) => `${at}.experts.${name}_bias`);
  assert.deepEqual(
    trainedBy({ bias: "All" }).filter((name) => name.startsWith(at)),
    [`${at}.router.bias`, ...experts],
  );
  const matrices = ["gate_up_proj", "down_proj"].flatMap((name) =>
    [0, 1, 2].map((e) => `${at}.experts.${e}.${name}.weight`),
  );
  assert.deepEqual(trainedBy({ modulesToSave: ["experts"] }).sort(), [...matrices, ...experts].sort());
});

test("the arithmetic of a mixture is that of the experts that a token is given to", () => {
  const flopsOf = (experts: { count: number; chosen: number; width: number }) =>
    compile(aSpec({ model: { ...model, experts }, rowTokens: 32 })).program({ program: "evaluate", trainedRows: 32 })
      .flops;
  const [two, one] = [flopsOf({ count: 8, chosen: 2, width: 12 }), flopsOf({ count: 8, chosen: 1, width: 12 })];
  assert.equal(two - one, 2 * 3 * 2 * 32 * 12 * model.hiddenSize);
});
