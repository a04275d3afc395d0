/** Exports of the adapter by itself: types, ranks for vLLM, and the name of the base. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { ExportEntry } from "../contract/exports.ts";
import { type DecodedTensor, decodeTensors } from "../formats/safetensors.ts";
import { encodeSafetensors } from "../formats/safetensorsWriter.ts";
import { runExport } from "../stages/export.ts";
import { exportUri } from "../stages/exportDirectory.ts";
import { runTrain } from "../stages/train.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { encodeValues } from "../weights/merge.ts";
import { paddedRanks } from "./paddedRanks.ts";

const trained = async (t: TestContext, options: TinyOptions) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 4, learningRate: "1e-2" }, ...options });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  return async (name: string, adapter: ExportEntry["adapter"]) => {
    const file = await tiny.exportFileOf(figures.adapterDigest, { name, adapter });
    const result = await runExport(file, tiny.context());
    const at = (file_: string) => new URL(`${exportUri(file)}/${file_}`);
    return {
      figures: result.figures,
      tensors: decodeTensors(await readFile(at("adapter_model.safetensors"))),
      config: JSON.parse(await readFile(at("adapter_config.json"), "utf8")),
      card: await readFile(at("README.md"), "utf8"),
    };
  };
};

const shapesOf = (tensors: ReadonlyMap<string, DecodedTensor>, side: string) =>
  [...tensors].filter(([key]) => key.includes(`lora_${side}`)).map(([, { shape }]) => shape[side === "A" ? 0 : 1]);

test("an adapter of a QLoRA with different ranks and scales is exported in each type, and with one rank for vLLM", async (t) => {
  const lora = {
    ...{ rank: 4, alpha: 8, rankStabilized: true },
    ...{ rankPattern: { q_proj: 2, "layers.1.mlp.down_proj": 6 }, alphaPattern: { k_proj: 3 } },
  };
  const exported = await trained(t, { quantization: { type: "NF4" }, method: { lora } });
  const plain = await exported("plain", {});
  assert.deepEqual(new Set(shapesOf(plain.tensors, "A")), new Set([2, 4, 6]));
  assert.equal(plain.figures.maxLogitDifference, 0);
  assert.deepEqual([plain.config.base_model_name_or_path, plain.config.revision], [null, null]);
  assert.match(plain.card, /library_name: peft[\s\S]*F32, the adapter by itself; it was trained on the base in NF4/);
  const half = await exported("half", { dtype: "F16", baseModel: "acme/tiny" });
  assert.deepEqual(new Set([...half.tensors.values()].map(({ dtype }) => dtype)), new Set(["F16"]));
  assert.equal(half.config.base_model_name_or_path, "acme/tiny");
  const padded = await exported("padded", { padRanks: true });
  for (const side of ["A", "B"]) assert.deepEqual(new Set(shapesOf(padded.tensors, side)), new Set([8]));
  const { r, lora_alpha: alpha, use_rslora: stabilised, rank_pattern: ranks, alpha_pattern: alphas } = padded.config;
  assert.deepEqual([r, alpha, stabilised, ranks, alphas], [8, 32, false, {}, {}]);
  assert.ok(padded.figures.maxLogitDifference < 1e-5);
});

const config = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"] };
const key = "base_model.model.model.layers.0.self_attn.q_proj";
const tensor = (shape: number[], values: number[]): DecodedTensor => {
  return { dtype: "F32", shape, data: encodeValues(Float32Array.from(values), "F32") };
};
const pair = (rank: number): [string, DecodedTensor][] => [
  [`${key}.lora_A.weight`, tensor([rank, 1], Array(rank).fill(1))],
  [`${key}.lora_B.weight`, tensor([1, rank], Array(rank).fill(1))],
];

test("ranks grow to the next one that vLLM accepts, and the scale stays", () => {
  const grown = (rank: number) => {
    const tensors = new Map(pair(rank));
    const { config: made } = paddedRanks({ config: { ...config, r: rank, lora_alpha: 4 * rank }, tensors });
    return [made.r, Number(made.lora_alpha) / Number(made.r)];
  };
  for (const [rank, padded] of [
    [1, 1],
    [2, 8],
    [8, 8],
    [33, 64],
    [300, 320],
    [512, 512],
  ] as const)
    assert.deepEqual(grown(rank), [padded, 4]);
  assert.throws(() => grown(513), /the largest rank is 513, and vLLM accepts at most 512: lower method\.lora\.rank/);
});

test("adapters that vLLM does not load are not padded", () => {
  const saved: [string, DecodedTensor] = ["base_model.model.model.norm.weight", tensor([1], [1])];
  const wrong = [
    { config: { ...config, use_dora: true }, tensors: new Map(pair(2)) },
    { config: { ...config, peft_type: "LOHA" }, tensors: new Map(pair(2)) },
    { config: { ...config, bias: "all" }, tensors: new Map(pair(2)) },
    { config: { ...config, modules_to_save: ["norm"] }, tensors: new Map([...pair(2), saved]) },
  ];
  for (const files of wrong)
    assert.throws(() => paddedRanks(files), /PaddingImpossible|loads only adapters of method\.lora/);
});

test("a value that F16 cannot hold stops the export, and names the tensor", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 1 } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const file = await tiny.exportFileOf(figures.adapterDigest, { name: "half", merged: { dtype: "F16" } });
  assert.ok((await runExport(file, tiny.context())).figures.klDivergence < 5e-4);
  const large = await TinyTraining.make(t, { training: { maxSteps: 1 } });
  const weights = `${large.directory}/base/model.safetensors`;
  const tensors = [...decodeTensors(await readFile(weights))].map(([name, one]) => ({ name, ...one }));
  const norm = tensors.find(({ name }) => name === "model.norm.weight");
  const data = encodeValues(new Float32Array(32).fill(1e5), "BF16");
  await writeFile(weights, encodeSafetensors([...tensors.filter((one) => one !== norm), { ...norm!, data }]));
  const result = await runTrain(await large.trainFile(), large.context());
  const { adapterDigest } = result.figures;
  const wide = await large.exportFileOf(adapterDigest, { name: "half", merged: { dtype: "F16" } });
  await assert.rejects(
    runExport(wide, large.context()),
    /model\.norm\.weight holds 99\d*, and F16 ends at 65504: export BF16 or F32/,
  );
});
