/** The adapters in a base as files again: LoRA in PEFT's layout, beside the adapter that mixes them. */
import { corrupt } from "../contract/failure.ts";
import { type GivenAdapters, givenNames, placeOf, widthOfGiven } from "../contract/givenAdapters.ts";
import { type BaseTensors, baseValues } from "../engine/baseValues.ts";
import { safetensorsChunks, type TensorData } from "../formats/safetensorsWriter.ts";
import type { SiteRecord } from "../graph/site.ts";
import { peftPrefix } from "../methods/peft.ts";
import { adapterConfigFile, adapterWeightsFile } from "./peftConfig.ts";
import type { StoredModel } from "./storedModel.ts";
import { tensorsOf } from "./verifiedBase.ts";

/** Files in folders by the adapters' numbers. */
export async function* givenFiles(
  model: StoredModel,
  sites: readonly SiteRecord[],
): AsyncIterable<{ name: string; chunks: Iterable<Uint8Array> }> {
  const { givenAdapters: facts } = await model.config();
  if (!facts) return;
  const base = tensorsOf(model, await model.tensors());
  const adapted = sites.filter(({ name }) => placeOf(facts, name) !== undefined);
  const modules = [...new Set(adapted.map(({ name }) => name.slice(name.lastIndexOf(".") + 1)))].sort();
  let first = 0;
  for (const [index, rank] of facts.ranks.entries()) {
    const tensors: TensorData[] = [];
    for (const site of adapted) tensors.push(...(await unstacked(base, site, facts, { first, rank })));
    yield { name: `${index}/${adapterWeightsFile}`, chunks: safetensorsChunks(tensors) };
    const config = {
      ...{ peft_type: "LORA", task_type: "CAUSAL_LM", base_model_name_or_path: null, inference_mode: true },
      // The updates are scaled already.
      ...{ r: rank, lora_alpha: rank, lora_dropout: 0, bias: "none", init_lora_weights: true },
      ...{ target_modules: modules, layers_to_transform: facts.layers ?? null },
    };
    yield { name: `${index}/${adapterConfigFile}`, chunks: [Buffer.from(`${JSON.stringify(config, null, 2)}\n`)] };
    first += rank;
  }
}

async function unstacked(
  base: BaseTensors,
  { name, in: width, out }: SiteRecord,
  facts: GivenAdapters,
  { first, rank }: { first: number; rank: number },
): Promise<TensorData[]> {
  const [names, total] = [givenNames(name), widthOfGiven(facts)];
  if (!base.table.has(names.a)) throw corrupt("BaseModelCorrupt", `the base model has no tensor ${names.a}`);
  const all = await baseValues(base, { name: names.a, shape: [total, width] });
  const columns = await baseValues(base, { name: names.b, shape: [out, total] });
  const b = Float32Array.from({ length: out * rank }, (_, at) => {
    return columns[Math.floor(at / rank) * total + first + (at % rank)]!;
  });
  return [
    tensorOf(`${peftPrefix}${name}.lora_A.weight`, [rank, width], all.slice(first * width, (first + rank) * width)),
    tensorOf(`${peftPrefix}${name}.lora_B.weight`, [out, rank], b),
  ];
}

const tensorOf = (name: string, shape: readonly number[], values: Float32Array): TensorData => ({
  name,
  shape,
  dtype: "F32",
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});
