/** Base and adapter as one GGUF file, for llama.cpp and programs that are built on it, with the base's licence files. */
import type { GgufSettings, Quantization } from "../contract/exports.ts";
import { interleaved } from "../formats/coded.ts";
import { encodeGgufHeader, type GgufTensor, type GgufValue, ggufPadding, readGgufHeader } from "../formats/gguf.ts";
import { encodeBlocks } from "../formats/ggufTypes.ts";
import { isLicence } from "../formats/huggingFace.ts";
import { localListed } from "../stores/directory.ts";
import { mergeTensor } from "../weights/merge.ts";
import type { ExportFormat } from "./format.ts";
import { mixes, typeOf } from "./ggufMixes.ts";
import { configIn, type GgufName, ggufFamily, ggufName, modelMetadata, ropeDivisors, ropeTensor } from "./ggufModel.ts";
import { type CodedTensor, decodedTensors } from "./ggufReader.ts";
import { tokenizerMetadata } from "./ggufTokenizer.ts";
import { mergedWith } from "./merged.ts";
import { roundedTo } from "./rounded.ts";
import { type ExportSource, plainModel } from "./source.ts";

const fileOf = (quantization: Quantization) => `model-${quantization}.gguf`;

export const ggufFormat = ({ quantization }: GgufSettings): ExportFormat => ({
  dtype: quantization,
  library: "gguf",
  describe: ({ base }) => `GGUF, ${quantization}, ${mergedWith(base)} in F32 and rounded once`,

  async write(writer, source, { onTensor, throwIfStopped }) {
    const { model } = source.base;
    const metadata = new Map(await metadataOf(source, quantization));
    const tensors = await tensorsOf(source, quantization);
    async function* bytes() {
      yield encodeGgufHeader(metadata, tensors);
      for (const [index, tensor] of tensors.entries()) {
        for (const piece of blocksOf(tensor, await tensor.values())) {
          throwIfStopped();
          yield piece;
        }
        yield ggufPadding(tensor);
        onTensor(index + 1, tensors.length);
      }
    }
    await writer.writeChunks(fileOf(quantization), bytes());
    for (const name of model.names().filter(isLicence)) await writer.write(name, await model.read(name));
  },

  async readBack(stores, uri, files, { base }) {
    const name = fileOf(quantization);
    const local = await localListed(stores, uri, files, name);
    const store = stores.of(local);
    const read = (range: { start: number; end: number }) => store.read(local, range);
    const { bytes: size = 0 } = (await store.stat(local)) ?? {};
    const { metadata, tensors } = await readGgufHeader(size, (start, end) => read({ start, end }));
    const own = await base.model.config();
    const names = new Map(base.tensors.map((tensor) => [ggufName(tensor.name, own).name, tensor.name]));
    const coded = tensors.flatMap(({ name: written, type, shape, start, end }): CodedTensor[] => {
      const original = names.get(written);
      if (original === undefined) return [];
      const { name: _, ...change } = ggufName(original, own);
      return [{ name: original, shape, start, end, type, ...change }];
    });
    const decoded = await decodedTensors(stores, coded, read);
    return {
      model: {
        ...(await plainModel(base.model)),
        model: configIn(metadata, own),
        tensors: decoded.tensors,
        storage: { dense: "F32", linear: "F32", doubleQuantization: false },
      },
      codec: () => base.model.codec(),
      close: decoded.remove,
    };
  },
});

async function metadataOf({ base }: ExportSource, quantization: Quantization): Promise<[string, GgufValue][]> {
  const config = await base.model.config();
  const texts = await base.model.codecTexts();
  return [
    ...modelMetadata(config),
    ["general.file_type", { type: "uint32", value: mixes[quantization].fileType }],
    ["general.quantization_version", { type: "uint32", value: 2 }],
    ...tokenizerMetadata(texts, await base.model.codec(), config.vocabSize),
  ];
}

interface WrittenTensor extends GgufTensor, GgufName {
  readonly name: string;
  /** The merged values, in the order of the base. */
  values(): Promise<Float32Array>;
}

async function tensorsOf(
  { base, adapter, method }: ExportSource,
  quantization: Quantization,
): Promise<WrittenTensor[]> {
  const config = await base.model.config();
  ggufFamily(config);
  const tensors = base.tensors.map((tensor) => {
    const written = ggufName(tensor.name, config);
    return {
      ...written,
      shape: tensor.shape,
      type: typeOf(quantization, written.name, tensor.shape, config),
      values: async () => mergeTensor(tensor, await base.values(tensor), method, adapter.tensors),
    };
  });
  const divisors = ropeDivisors(config);
  if (!divisors) return tensors;
  return [...tensors, { name: ropeTensor, type: "F32", shape: [divisors.length], values: async () => divisors }];
}

/** Numbers that are encoded at once, whole blocks of every type: a stop is noticed between two pieces. */
const pieceElements = 1 << 18;

function* blocksOf({ name, type, shape, heads, offset }: WrittenTensor, values: Float32Array): Iterable<Uint8Array> {
  const shifted = offset === undefined ? values : values.map((value) => value + offset);
  const rows = heads === undefined ? shifted : interleaved(shifted, shape[0]!, heads);
  for (let at = 0; at < rows.length; at += pieceElements) {
    const piece = rows.subarray(at, at + pieceElements);
    yield type === "F16" ? roundedTo(type, piece, name) : encodeBlocks(type, piece);
  }
}
