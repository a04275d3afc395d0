/**
 * The adapter by itself as a GGUF file, which llama.cpp applies to a GGUF file of the base: a pair of matrices for each layer, and
 * one alpha for all. llama.cpp's scale is alpha / rank; B of a layer with another scale takes the quotient.
 */
import { type GgufAdapterSettings, ggufAdapterRefusal } from "../contract/exports.ts";
import { invalid } from "../contract/failure.ts";
import { interleaved } from "../formats/coded.ts";
import {
  encodeGgufHeader,
  type GgufTensor,
  type GgufValue,
  ggufPadding,
  type PlacedGgufTensor,
  readGgufHeader,
} from "../formats/gguf.ts";
import { decodeBlocks } from "../formats/ggufTypes.ts";
import { readListed } from "../stores/directory.ts";
import { type AdapterTensors, siteOf } from "../weights/merge.ts";
import type { ExportFormat } from "./format.ts";
import { type GgufName, ggufFamily, ggufName } from "./ggufModel.ts";
import { roundedTo } from "./rounded.ts";
import { adaptedModel, type ExportSource } from "./source.ts";

const file = "adapter.gguf";
const alphaKey = "adapter.lora.alpha";

export const ggufAdapterFormat = ({ dtype }: GgufAdapterSettings): ExportFormat => ({
  dtype,
  library: "gguf",
  isAdapter: true,
  describe: ({ base }) =>
    `GGUF, ${dtype}, the adapter by itself${base.isQuantized ? "; it was trained on the base in NF4" : ""}`,

  async write(writer, source, { onTensor, throwIfStopped }) {
    const { architecture } = ggufFamily(await source.base.model.config());
    const { alpha, layers } = await layersOf(source);
    const metadata = new Map<string, GgufValue>([
      ["general.architecture", { type: "string", value: architecture }],
      ["general.type", { type: "string", value: "adapter" }],
      ["adapter.type", { type: "string", value: "lora" }],
      [alphaKey, { type: "float32", value: alpha }],
    ]);
    const tensors = layers.flatMap((layer): (GgufTensor & { values(): Float32Array })[] => [
      {
        name: `${layer.name}.lora_a`,
        type: dtype,
        shape: [layer.rank, layer.a.length / layer.rank],
        values: () => layer.a,
      },
      {
        name: `${layer.name}.lora_b`,
        type: dtype,
        shape: [layer.b.length / layer.rank, layer.rank],
        values: () => writtenB(layer, alpha),
      },
    ]);
    async function* bytes() {
      yield encodeGgufHeader(metadata, tensors);
      for (const [index, tensor] of tensors.entries()) {
        throwIfStopped();
        yield roundedTo(dtype, tensor.values(), tensor.name);
        yield ggufPadding(tensor);
        onTensor(index + 1, tensors.length);
      }
    }
    await writer.writeChunks(file, bytes());
  },

  async readBack(stores, uri, files, source) {
    const bytes = await readListed(stores, uri, files, file);
    const { metadata, tensors } = await readGgufHeader(bytes.length, async (start, end) => bytes.subarray(start, end));
    const alpha = metadata.get(alphaKey)?.value;
    if (typeof alpha !== "number") throw new Error(`the GGUF file that was just written has no ${alphaKey}`);
    const placed = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const valuesOf = (name: string) => valuesIn(bytes, placed.get(name), name);
    const { layers } = await layersOf(source);
    const adapter = layers.flatMap((layer): [string, Float32Array][] => [
      [`${layer.site}.lora_A.weight`, valuesOf(`${layer.name}.lora_a`)],
      [`${layer.site}.lora_B.weight`, readB(layer, alpha, valuesOf(`${layer.name}.lora_b`))],
    ]);
    const model = { ...(await adaptedModel(source)), adapter: new Map(adapter) };
    return { model, codec: () => source.base.model.codec() };
  },
});

/** The update scale·B·A of a layer, and its tensor in the base's file. */
interface Layer extends GgufName {
  readonly site: string;
  /** [rank, in] */
  readonly a: Float32Array;
  /** [out, rank] */
  readonly b: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/** Throws a failure if the adapter has more than products of linear layers. */
async function layersOf({ base, adapter, method }: ExportSource): Promise<{ alpha: number; layers: readonly Layer[] }> {
  const config = await base.model.config();
  const layers = sitesOf(adapter.tensors).map((site): Layer => {
    const update = method.lowRank?.(siteOf(site, adapter.tensors));
    const named = ggufName(`${site}.weight`, config);
    if (!update || named.expert !== undefined || adapter.tensors.has(`${site}.lora_embedding_A`))
      throw invalid("AdapterImpossible", ggufAdapterRefusal);
    return { ...named, site, ...update };
  });
  const [first] = layers;
  if (!first) throw invalid("AdapterImpossible", ggufAdapterRefusal);
  return { alpha: first.scale * first.rank, layers };
}

function sitesOf(tensors: AdapterTensors): string[] {
  const sites = [...tensors.keys()].map((key) => {
    const site = /^(.+)\.lora_[AB]\.weight$/.exec(key)?.[1];
    if (site === undefined) throw invalid("AdapterImpossible", ggufAdapterRefusal);
    return site;
  });
  return [...new Set(sites)];
}

/** B in the order of the base's rows in the file, times the quotient of the scales. */
function writtenB({ b, rank, scale, heads }: Layer, alpha: number): Float32Array {
  const times = (scale * rank) / alpha;
  const values = times === 1 ? b : b.map((value) => value * times);
  return heads === undefined ? values : interleaved(values, b.length / rank, heads);
}

/** B as the method has it. */
function readB({ rank, scale, heads }: Layer, alpha: number, written: Float32Array): Float32Array {
  const times = alpha / rank / scale;
  const values = heads === undefined ? written : interleaved(written, written.length / rank, heads, true);
  return times === 1 ? values : values.map((value) => value * times);
}

function valuesIn(bytes: Uint8Array, tensor: PlacedGgufTensor | undefined, name: string): Float32Array {
  if (!tensor) throw new Error(`the GGUF file that was just written has no ${name}`);
  return decodeBlocks(tensor.type, bytes.slice(tensor.start, tensor.end));
}
