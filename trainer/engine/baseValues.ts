/** Tensors of a base model as F32 values, whether they are stored as they are or in NF4. */
import { corrupt } from "../contract/failure.ts";
import { fromBfloat16 } from "../formats/bfloat16.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { dequantizeNf4 } from "../formats/nf4.ts";
import { absmaxName, nestedAbsmaxName } from "../graph/nf4.ts";
import { elementsOf } from "../graph/tensor.ts";

/** The tensors of a base model on this machine. */
export interface BaseTensors {
  table: ReadonlyMap<string, PlacedTensor>;
  localFile(name: string): Promise<string>;
  read(name: string, range: { start: number; end: number }): Promise<Uint8Array>;
}

interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The base's tensor of this name and shape. Throws a failure that says what it has instead. */
export function baseTensor(base: BaseTensors, name: string, shape: readonly number[]): PlacedTensor {
  const tensor = baseTensorNamed(base, name);
  if (tensor.shape.length === shape.length && shape.every((dim, index) => dim === tensor.shape[index])) return tensor;
  throw corrupt(
    "BaseModelCorrupt",
    `${name} has shape [${tensor.shape.join(", ")}], config.json implies [${shape.join(", ")}]`,
  );
}

function baseTensorNamed(base: BaseTensors, name: string): PlacedTensor {
  const tensor = base.table.get(name);
  if (!tensor) throw corrupt("BaseModelCorrupt", `the base model has no tensor ${name}, which its config.json implies`);
  return tensor;
}

/** A tensor of the base in F32; of one in NF4 the values that its codes stand for. */
export async function baseValues(base: BaseTensors, { name, shape }: NamedShape): Promise<Float32Array> {
  if (base.table.has(absmaxName(name))) return await dequantized(base, { name, shape });
  const tensor = baseTensor(base, name, shape);
  const read = await base.read(tensor.file, tensor);
  const bytes = read.byteOffset % 4 === 0 ? read : new Uint8Array(read);
  if (tensor.dtype === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return fromBfloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
}

async function dequantized(base: BaseTensors, { name, shape }: NamedShape): Promise<Float32Array> {
  const bytesOf = async (part: string) => {
    const tensor = baseTensorNamed(base, part);
    return await base.read(tensor.file, tensor);
  };
  const nested = nestedAbsmaxName(name);
  const parts = {
    packed: await bytesOf(name),
    absmax: await bytesOf(absmaxName(name)),
    ...(base.table.has(nested) && { nestedAbsmax: await bytesOf(nested) }),
  };
  return dequantizeNf4(parts, elementsOf(shape));
}
