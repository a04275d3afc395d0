/**
 * Writes safetensors: tensors sorted by name, data aligned to 64 bytes (the header is padded with spaces), so that a
 * reader can map them. The same tensors give the same bytes.
 */
import { elementBytes, type SafetensorsType } from "./safetensors.ts";

export interface TensorFacts {
  name: string;
  dtype: SafetensorsType;
  shape: readonly number[];
}

export interface TensorData extends TensorFacts {
  data: Uint8Array;
}

export const tensorBytes = ({ dtype, shape }: TensorFacts) =>
  shape.reduce((product, dim) => product * dim, elementBytes[dtype]);

/** The file's bytes before the first tensor. `tensors` must be in the order in which their data follows. */
export function encodeHeader(tensors: readonly TensorFacts[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let offset = 0;
  const members: [string, unknown][] = [["__metadata__", metadata]];
  for (const tensor of tensors) {
    const end = offset + tensorBytes(tensor);
    members.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(members)));
  const length = Math.ceil((8 + json.length) / 64) * 64 - 8;
  const header = Buffer.alloc(8 + length, " ");
  header.writeBigUInt64LE(BigInt(length), 0);
  json.copy(header, 8);
  return header;
}

export const byName = (a: TensorFacts, b: TensorFacts) => (a.name < b.name ? -1 : 1);

/** A file's bytes, tensor by tensor, without copies. */
export function* safetensorsChunks(
  tensors: readonly TensorData[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Iterable<Uint8Array> {
  const sorted = [...tensors].sort(byName);
  yield encodeHeader(sorted, metadata);
  for (const tensor of sorted) {
    if (tensor.data.length !== tensorBytes(tensor)) {
      throw new Error(`${tensor.name}: ${tensor.data.length} bytes given, ${tensorBytes(tensor)} by its shape`);
    }
    yield tensor.data;
  }
}

/** A whole file in memory. */
export const encodeSafetensors = (tensors: readonly TensorData[]): Uint8Array =>
  Buffer.concat([...safetensorsChunks(tensors)]);
