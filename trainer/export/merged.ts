/** Base and adapter as one model in Hugging Face's layout: sharded safetensors and the base's other files. */
import type { MergedSettings } from "../contract/exports.ts";
import { encodeHeader, type TensorFacts } from "../formats/safetensorsWriter.ts";
import { indexFile, type Shard, shardIndex, shardTensors } from "../formats/shards.ts";
import { companionsOf } from "../weights/companions.ts";
import { encodeValues, mergeTensor } from "../weights/merge.ts";
import { localModel } from "../weights/storedModel.ts";
import type { ExportFormat, WriteContext } from "./format.ts";
import type { ExportSource } from "./source.ts";

export const mergedFormat = ({ dtype, maxShardBytes }: MergedSettings): ExportFormat => ({
  dtype,

  async write(writer, source, context) {
    const facts = source.base.tensors.map(({ name, shape }) => ({ name, shape, dtype }));
    const shards = shardTensors(facts, maxShardBytes);
    let done = 0;
    const counting = {
      dtype,
      throwIfStopped: context.throwIfStopped,
      onTensor: () => context.onTensor(++done, facts.length),
    };
    for (const shard of shards) await writer.writeChunks(shard.file, shardBytes(shard, source, counting));
    const index = shardIndex(shards);
    if (index) await writer.write(indexFile, Buffer.from(index));
    for await (const { name, content } of companionsOf(source.base.model, dtype)) await writer.write(name, content);
  },

  readBack: localModel,
});

interface Writing {
  readonly dtype: ExportFormat["dtype"];
  onTensor(): void;
}

/** One tensor is in memory at a time. */
async function* shardBytes(
  { tensors }: Shard<TensorFacts>,
  { base, adapter, method }: ExportSource,
  { dtype, onTensor, throwIfStopped }: Pick<WriteContext, "throwIfStopped"> & Writing,
): AsyncIterable<Uint8Array> {
  yield encodeHeader(tensors, { format: "pt" });
  for (const tensor of tensors) {
    throwIfStopped();
    const values = await base.values(tensor);
    yield encodeValues(mergeTensor(tensor, values, method, adapter.tensors), dtype);
    onTensor();
  }
}
