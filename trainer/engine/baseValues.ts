/** Tensors of a base model as F32 values, for every stored type, NF4 included. */
import { type FileHandle, open } from "node:fs/promises";
import { corrupt } from "../contract/failure.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import { contentOf, type PlacedTensor } from "../formats/huggingFace.ts";
import { dequantizeNf4 } from "../formats/nf4.ts";
import { absmaxName, nestedAbsmaxName } from "../graph/nf4.ts";
import { elementsOf } from "../graph/tensor.ts";

/** The tensors of a base model in local files. */
export interface BaseTensors {
  table: ReadonlyMap<string, PlacedTensor>;
  localFile(name: string): Promise<string>;
  read(name: string, range: { start: number; end: number }): Promise<Uint8Array>;
}

interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The base's tensor of this name and shape. Throws a failure that names the mismatch. */
export function baseTensor(base: BaseTensors, name: string, shape: readonly number[]): PlacedTensor {
  const tensor = baseTensorNamed(base, name);
  if (tensor.shape.length === shape.length && shape.every((dim, index) => dim === tensor.shape[index])) return tensor;
  throw corrupt(
    "BaseModelCorrupt",
    `${name} has shape [${tensor.shape.join(", ")}], but config.json implies [${shape.join(", ")}]`,
  );
}

function baseTensorNamed(base: BaseTensors, name: string): PlacedTensor {
  const tensor = base.table.get(name);
  if (!tensor) throw corrupt("BaseModelCorrupt", `the base model has no tensor ${name}, which its config.json implies`);
  return tensor;
}

/** A tensor of the base in F32; an NF4 tensor is dequantised. */
export async function baseValues(base: BaseTensors, tensor: NamedShape): Promise<Float32Array> {
  const values = new Float32Array(elementsOf(tensor.shape));
  await readBaseValues(base, tensor, values);
  return values;
}

const pieceElements = 1 << 18;

/** Reads them into existing memory; a dense tensor is read piece by piece. */
export async function readBaseValues(
  base: BaseTensors,
  { name, shape }: NamedShape,
  into: Float32Array,
): Promise<void> {
  if (base.table.has(absmaxName(name))) {
    into.set(await dequantized(base, { name, shape }));
    return;
  }
  await readDense(base, { name, shape }, async (read) => {
    for (let at = 0; at < into.length; at += pieceElements) await read(at, into.subarray(at, at + pieceElements));
  });
}

/** Some rows of a dense matrix of the base, one after another. */
export async function readBaseRows(
  base: BaseTensors,
  { name, shape }: { readonly name: string; readonly shape: readonly [number, number] },
  rows: readonly number[],
  into: Float32Array,
): Promise<void> {
  const width = shape[1];
  await readDense(base, { name, shape }, async (read) => {
    for (const [index, row] of rows.entries())
      await read(row * width, into.subarray(index * width, (index + 1) * width));
  });
}

/** Opens a dense tensor; `use` reads values of it from an element on. */
async function readDense(
  base: BaseTensors,
  { name, shape }: NamedShape,
  use: (read: (from: number, into: Float32Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const tensor = baseTensor(base, name, shape);
  const { file, dtype, start } = tensor;
  if (!isFloatType(dtype)) throw corrupt("BaseModelCorrupt", `${name} is ${dtype}, expected BF16, F16 or F32`);
  const elementBytes = dtype === "F32" ? 4 : 2;
  if (tensor.coding) {
    const content = await contentOf(base, tensor);
    await use(async (from, into) => {
      widened(content.subarray(from * elementBytes, (from + into.length) * elementBytes), dtype, into);
    });
    return;
  }
  const handle = await open(await base.localFile(file));
  let room = new Uint8Array(0);
  try {
    await use(async (from, into) => {
      const bytes = into.length * elementBytes;
      if (room.length < bytes) room = new Uint8Array(bytes);
      const piece = room.subarray(0, bytes);
      await readFully(handle, piece, start + from * elementBytes, name);
      widened(piece, dtype, into);
    });
  } finally {
    await handle.close();
  }
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number, name: string): Promise<void> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw corrupt("BaseModelCorrupt", `${name}: its file ends before the tensor does`);
    filled += bytesRead;
  }
}

async function dequantized(base: BaseTensors, { name, shape }: NamedShape): Promise<Float32Array> {
  const bytesOf = async (part: string) => await contentOf(base, baseTensorNamed(base, part));
  const nested = nestedAbsmaxName(name);
  const parts = {
    packed: await bytesOf(name),
    absmax: await bytesOf(absmaxName(name)),
    ...(base.table.has(nested) && { nestedAbsmax: await bytesOf(nested) }),
  };
  return dequantizeNf4(parts, elementsOf(shape));
}
