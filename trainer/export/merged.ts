/** Base and adapter as one model in Hugging Face's layout: sharded safetensors and the base's other files. */
import type { MergedSettings } from "../contract/exports.ts";
import { transposed } from "../formats/coded.ts";
import { encodeHeader, type TensorFacts } from "../formats/safetensorsWriter.ts";
import { indexFile, type Shard, shardIndex, shardTensors } from "../formats/shards.ts";
import { companionsOf } from "../weights/companions.ts";
import type { WrittenTensor } from "../weights/fusedExperts.ts";
import { mergeTensor } from "../weights/merge.ts";
import { localModel } from "../weights/storedModel.ts";
import type { ExportFormat, WriteContext } from "./format.ts";
import { roundedTo } from "./rounded.ts";
import { type ExportSource, plainModel } from "./source.ts";

export const mergedFormat = ({ dtype, maxShardBytes }: MergedSettings): ExportFormat => ({
  dtype,
  library: "transformers",
  describe: ({ base }) => `${dtype}, ${mergedWith(base)} in F32 and rounded once`,

  async write(writer, source, context) {
    const facts = source.base.written.map((tensor) => ({ ...tensor, dtype }));
    const total = source.base.tensors.length;
    const shards = shardTensors(facts, maxShardBytes);
    let done = 0;
    const counting = {
      dtype,
      throwIfStopped: context.throwIfStopped,
      onTensor: () => context.onTensor(++done, total),
    };
    for (const shard of shards) await writer.writeChunks(shard.file, shardBytes(shard, source, counting));
    const index = shardIndex(shards);
    if (index) await writer.write(indexFile, Buffer.from(index));
    for await (const { name, content } of companionsOf(source.base.model, dtype)) await writer.write(name, content);
  },

  async readBack(stores, uri, files) {
    const model = await localModel(stores, uri, files);
    return { model: await plainModel(model), codec: () => model.codec() };
  },
});

/** The weights that the adapter was merged with, in words. */
export const mergedWith = ({ isQuantized }: ExportSource["base"]): string =>
  `merged with the ${isQuantized ? "base's NF4 weights, dequantised," : "base"}`;

interface Writing {
  readonly dtype: MergedSettings["dtype"];
  onTensor(): void;
}

/** One tensor, or one expert, is in memory at a time. */
async function* shardBytes(
  { tensors }: Shard<TensorFacts & WrittenTensor>,
  { base, adapter, method }: ExportSource,
  { dtype, onTensor, throwIfStopped }: Pick<WriteContext, "throwIfStopped"> & Writing,
): AsyncIterable<Uint8Array> {
  yield encodeHeader(tensors, { format: "pt" });
  for (const tensor of tensors) {
    for (const part of tensor.parts) {
      throwIfStopped();
      const values = mergeTensor(part, await base.values(part), method, adapter.tensors);
      const rounded = roundedTo(dtype, values, part.name);
      const [rows = 0, columns = 0] = part.shape;
      yield tensor.isTransposed ? transposed(rounded, rows, columns) : rounded;
      onTensor();
    }
  }
}
