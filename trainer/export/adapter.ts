/**
 * The adapter by itself, in PEFT's layout: the files of the training, with the base named as the hub names it, and if
 * asked for in a narrower type or with ranks that vLLM accepts.
 */
import type { AdapterSettings } from "../contract/exports.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import { type DecodedTensor, decodeTensors } from "../formats/safetensors.ts";
import { safetensorsChunks, type TensorData } from "../formats/safetensorsWriter.ts";
import type { PeftConfig } from "../methods/peftMembers.ts";
import { readListed, verifyListed } from "../stores/directory.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { isRepository } from "../weights/baseName.ts";
import { withGiven } from "../weights/givenAdapters.ts";
import { adapterConfigFile, adapterWeightsFile, parseAdapterConfig, withListedTargets } from "../weights/peftConfig.ts";
import type { ExportFormat } from "./format.ts";
import { paddedRanks } from "./paddedRanks.ts";
import { roundedTo } from "./rounded.ts";
import { plainModel } from "./source.ts";

export const adapterFormat = ({ dtype, padRanks, baseModel }: AdapterSettings): ExportFormat => ({
  dtype,
  library: "peft",
  isAdapter: true,
  describe: ({ base }) =>
    `${dtype}, the adapter by itself${padRanks ? ", its ranks filled up with zeros" : ""}` +
    (base.isQuantized ? "; it was trained on the base in NF4" : ""),

  async write(writer, { adapter: { uri, manifest } }, { stores, onTensor, throwIfStopped }) {
    const listed = (name: string) => readListed(stores, uri, manifest.files, name);
    const text = Buffer.from(await listed(adapterConfigFile)).toString("utf8");
    const stored = decodeTensors(await listed(adapterWeightsFile));
    const trained = { config: withListedTargets(parseAdapterConfig(text), [...stored.keys()]), tensors: stored };
    const { config, tensors } = padRanks ? paddedRanks(trained) : trained;
    const written: TensorData[] = [];
    for (const [name, tensor] of tensors) {
      throwIfStopped();
      written.push(cast(name, tensor, dtype));
      onTensor(written.length, tensors.size);
    }
    await writer.writeChunks(adapterWeightsFile, safetensorsChunks(written));
    await writer.write(adapterConfigFile, Buffer.from(`${JSON.stringify(withBase(config, baseModel), null, 2)}\n`));
    // Adapters that this one mixes stay as they are.
    for (const { path } of manifest.files) if (path.includes("/")) await writer.write(path, await listed(path));
  },

  async readBack(stores, uri, files, { base }) {
    for (const { path } of files) await verifyListed(stores, uri, files, path);
    const adapter = await readPeftAdapter(stores, uri);
    if (!adapter) throw new Error(`${uri}: the adapter that was just written has no ${adapterConfigFile}`);
    const { config, tensors } = await withGiven(base.model, adapter);
    const plain = await plainModel(base.model);
    const model = { ...plain, model: config, tensors, method: adapter.settings, adapter: adapter.tensors };
    return { model, codec: () => base.model.codec() };
  },
});

/** Floating point in the wanted type; whole numbers stay. */
function cast(name: string, { dtype: from, shape, data }: DecodedTensor, dtype: AdapterSettings["dtype"]): TensorData {
  if (!isFloatType(from)) return { name, dtype: from, shape, data };
  return { name, dtype, shape, data: roundedTo(dtype, widened(data, from), name) };
}

/** The base as the hub names it. A path of the training's store means nothing to other programs. */
function withBase(config: PeftConfig, chosen: string | undefined): PeftConfig {
  const { base_model_name_or_path: name, revision } = config;
  if (chosen !== undefined && chosen !== name) return { ...config, base_model_name_or_path: chosen, revision: null };
  const ofHub = typeof name === "string" && isRepository(name);
  return { ...config, base_model_name_or_path: ofHub ? name : null, revision: ofHub ? (revision ?? null) : null };
}
