/**
 * Divides a model's tensors into files: `model.safetensors`, or numbered shards and their index. Pure. Tensors are
 * sorted by name, so the same model gives the same files.
 */
import { byName, type TensorFacts, tensorBytes } from "./safetensorsWriter.ts";

export interface Shard<T extends TensorFacts> {
  file: string;
  tensors: readonly T[];
}

export const indexFile = "model.safetensors.index.json";

/** Fills shards up to `maxShardBytes`; a tensor larger than that has a shard of its own. */
export function shardTensors<T extends TensorFacts>(tensors: readonly T[], maxShardBytes: number): Shard<T>[] {
  const groups: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const tensor of [...tensors].sort(byName)) {
    const size = tensorBytes(tensor);
    if (bytes + size > maxShardBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(tensor);
    bytes += size;
  }
  return groups.map((group, index) => ({ file: shardName(index, groups.length), tensors: group }));
}

function shardName(index: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const five = (n: number) => String(n).padStart(5, "0");
  return `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

/** The text of `model.safetensors.index.json`; undefined for a single file, which needs none. */
export function shardIndex(shards: readonly Shard<TensorFacts>[]): string | undefined {
  if (shards.length === 1) return undefined;
  const placed = shards.flatMap(({ file, tensors }) => tensors.map((tensor) => ({ file, tensor })));
  const totalSize = placed.reduce((sum, { tensor }) => sum + tensorBytes(tensor), 0);
  const weightMap = Object.fromEntries(
    placed.sort((a, b) => byName(a.tensor, b.tensor)).map(({ file, tensor }) => [tensor.name, file]),
  );
  return `${JSON.stringify({ metadata: { total_size: totalSize }, weight_map: weightMap }, null, 2)}\n`;
}
