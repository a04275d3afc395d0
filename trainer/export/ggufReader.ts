/**
 * Reads a GGUF file back as the model that it holds. Its blocks are decoded tensor by tensor into a file of F32 numbers in the
 * scratch directory, which the executor maps: memory holds one tensor, the disk 4 bytes a parameter.
 */
import { rm } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { BaseTensors } from "../engine/baseValues.ts";
import { decodeGguf, type GgufCoding } from "../formats/coded.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { elementsOf } from "../graph/tensor.ts";
import type { Stores } from "../stores/stores.ts";

/** A tensor of the file, by its name in the base. */
export interface CodedTensor extends GgufCoding {
  readonly name: string;
  readonly shape: readonly number[];
  /** Byte range in the GGUF file. */
  readonly start: number;
  readonly end: number;
}

/** Reads bytes of a file. */
type Read = (range: { start: number; end: number }) => Promise<Uint8Array>;

/** The executor maps tensors that begin at a multiple of so many bytes. */
const alignment = 64;

export interface DecodedTensors {
  readonly tensors: BaseTensors;
  remove(): Promise<void>;
}

/** Decodes tensors into a file of their own. `read` reads the GGUF file. */
export async function decodedTensors(
  stores: Stores,
  tensors: readonly CodedTensor[],
  read: Read,
): Promise<DecodedTensors> {
  const table = new Map<string, PlacedTensor>();
  let end = 0;
  for (const { name, shape } of tensors) {
    const start = Math.ceil(end / alignment) * alignment;
    end = start + 4 * elementsOf(shape);
    table.set(name, { name, dtype: "F32", shape, start, end, file: "decoded" });
  }
  async function* bytes() {
    let at = 0;
    for (const tensor of tensors) {
      const { start, end: last } = table.get(tensor.name)!;
      yield new Uint8Array(start - at);
      const values = decodeGguf(await read(tensor), tensor.shape[0] ?? 1, tensor);
      yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      at = last;
    }
  }
  const file = await stores.scratch.own(bytes());
  const uri = pathToFileURL(file).href;
  return {
    tensors: { table, localFile: async () => file, read: (_, range) => stores.of(uri).read(uri, range) },
    remove: () => rm(file, { force: true }),
  };
}
