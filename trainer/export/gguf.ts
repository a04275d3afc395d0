/** Base and adapter as one GGUF file, for llama.cpp and programs that are built on it, with the base's licence files. */
import type { GgufSettings, Quantization } from "../contract/exports.ts";
import { interleaved } from "../formats/coded.ts";
import {
  encodeGgufHeader,
  type GgufTensor,
  type GgufValue,
  ggufBytes,
  ggufPadding,
  readGgufHeader,
} from "../formats/gguf.ts";
import { encodeBlocks, type GgufType } from "../formats/ggufTypes.ts";
import { isLicence } from "../formats/huggingFace.ts";
import { localListed } from "../stores/directory.ts";
import { mergeTensor } from "../weights/merge.ts";
import type { ExportFormat } from "./format.ts";
import { mixes, typeOf } from "./ggufMixes.ts";
import { configIn, type GgufName, ggufFamily, ggufName, modelMetadata, ropeTensors } from "./ggufModel.ts";
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
        for (const part of tensor.parts) {
          for (const piece of blocksOf(part, tensor.type, await part.values())) {
            throwIfStopped();
            yield piece;
          }
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
    const placed = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const coded = base.tensors.map(({ name: original, shape }): CodedTensor => {
      const { name: written, expert = 0, ...change } = ggufName(original, own);
      const found = placed.get(written);
      if (!found) throw new Error(`the GGUF file that was just written has no ${written}`);
      const bytes = ggufBytes({ name: written, type: found.type, shape });
      const start = found.start + expert * bytes;
      return { name: original, shape, start, end: start + bytes, type: found.type, ...change };
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

/** A tensor of the base in the file, or one of the rotary embedding. */
interface Part extends GgufName {
  readonly shape: readonly number[];
  /** The merged values, in the order of the base. */
  values(): Promise<Float32Array>;
}

interface WrittenTensor extends GgufTensor {
  /** Its matrices one after another: one, or that of each expert. */
  readonly parts: readonly Part[];
}

async function tensorsOf(
  { base, adapter, method }: ExportSource,
  quantization: Quantization,
): Promise<WrittenTensor[]> {
  const config = await base.model.config();
  ggufFamily(config);
  const parts = base.tensors.map(
    (tensor): Part => ({
      ...ggufName(tensor.name, config),
      shape: tensor.shape,
      values: async () => mergeTensor(tensor, await base.values(tensor), method, adapter.tensors),
    }),
  );
  const tensors = [...Map.groupBy(parts, ({ name }) => name)].map(([name, members]): WrittenTensor => {
    const ordered = members.toSorted((a, b) => (a.expert ?? 0) - (b.expert ?? 0));
    const { shape: own, expert } = ordered[0]!;
    const shape = expert === undefined ? own : [ordered.length, ...own];
    return { name, shape, type: typeOf(quantization, name, shape, config), parts: ordered };
  });
  const rotary = ropeTensors(config).map(({ name, values }): WrittenTensor => {
    const shape = [values.length];
    return { name, type: "F32", shape, parts: [{ name, shape, values: async () => values }] };
  });
  return [...tensors, ...rotary];
}

/** Numbers that are encoded at once, whole blocks of every type: a stop is noticed between two pieces. */
const pieceElements = 1 << 18;

function* blocksOf({ name, shape, heads, offset }: Part, type: GgufType, values: Float32Array): Iterable<Uint8Array> {
  const shifted = offset === undefined ? values : values.map((value) => value + offset);
  const rows = heads === undefined ? shifted : interleaved(shifted, shape[0]!, heads);
  for (let at = 0; at < rows.length; at += pieceElements) {
    const piece = rows.subarray(at, at + pieceElements);
    yield type === "F16" ? roundedTo(type, piece, name) : encodeBlocks(type, piece);
  }
}
