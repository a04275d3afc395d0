/**
 * NF4 weights as bitsandbytes stores them: nibbles [n/2, 1] under the weight's name, and beside it `absmax`, `quant_map`,
 * `quant_state.bitsandbytes__nf4` (JSON) and, quantised twice, `nested_absmax` and `nested_quant_map`. The trainer reads the
 * same bytes in its own layout (graph/nf4.ts): nothing is quantised again, only the offset moves behind the nested scales.
 */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import { partition } from "../engine/batch.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { dynamicMap, nf4Codes } from "../formats/nf4.ts";
import { absmaxName, nestedAbsmaxName, nf4Block, nf4NestedBlock, nf4Parts } from "../graph/nf4.ts";

type Table = ReadonlyMap<string, PlacedTensor>;
type Shapes = ReadonlyMap<string, readonly number[]>;
type Read = (tensor: PlacedTensor) => Promise<Uint8Array>;

const stateName = (weight: string) => `${weight}.quant_state.bitsandbytes__nf4`;
const mapName = (weight: string) => `${weight}.quant_map`;
const nestedMapName = (weight: string) => `${weight}.nested_quant_map`;

/** Whether a weight of a checkpoint is stored so. */
export const isBitsandbytes = (weight: string, table: Table): boolean => table.has(stateName(weight));

/** The names beside a weight that is stored so. */
export const bitsandbytesNames = (weight: string): string[] =>
  [absmaxName, nestedAbsmaxName, stateName, mapName, nestedMapName].map((nameOf) => nameOf(weight));

/** The tensors that are no part of a weight that is stored so. */
export function unquantizedTensors(table: Table): Table {
  const weights = [...table.keys()].filter((name) => isBitsandbytes(name, table));
  const parts = new Set(weights.flatMap((weight) => [weight, ...bitsandbytesNames(weight)]));
  return new Map([...table].filter(([name]) => !parts.has(name)));
}

const mismatch = (what: string) => invalid("BaseModelMismatch", `the base model's quantised weights: ${what}`);

/** The fault of a weight's parts by their sizes; undefined if they fit this shape. */
export function bitsandbytesFault(weight: string, shape: readonly number[], table: Table): string | undefined {
  const isNested = table.has(nestedAbsmaxName(weight));
  const [packed, absmax] = nf4Parts(weight, shape, isNested);
  const scales = Math.ceil(absmax!.shape[0] / nf4NestedBlock);
  const expected = [
    // Programs differ in the type under which they store the nibbles.
    { name: weight, bytes: packed!.shape[0] },
    { name: absmaxName(weight), dtype: absmax!.dtype, bytes: absmax!.shape[0] * (isNested ? 1 : 4) },
    { name: mapName(weight), dtype: "F32", bytes: nf4Codes.byteLength },
    ...(isNested
      ? [
          { name: nestedAbsmaxName(weight), dtype: "F32", bytes: 4 * scales },
          { name: nestedMapName(weight), dtype: "F32", bytes: dynamicMap.byteLength },
        ]
      : []),
  ];
  for (const { name, dtype, bytes } of expected) {
    const tensor = table.get(name);
    if (tensor === undefined) return `${name} is missing`;
    const found = tensor.end - tensor.start;
    if (found === bytes && (dtype === undefined || tensor.dtype === dtype)) continue;
    return `${name} has ${found} bytes of ${tensor.dtype}, but [${shape.join(", ")}] in NF4 needs ${bytes}${dtype ? ` of ${dtype}` : ""}`;
  }
  return undefined;
}

/** The table with each weight's parts in the trainer's layout. Throws a failure that names a part that is not NF4's. */
export async function withNf4Parts(table: Table, shapes: Shapes, read: Read): Promise<Table> {
  const weights = [...table.keys()].filter((name) => isBitsandbytes(name, table));
  if (weights.length === 0) return table;
  const made = new Map(unquantizedTensors(table));
  for (const some of partition(weights, 16)) {
    const parts = await Promise.all(some.map((weight) => partsOf(weight, shapes.get(weight)!, table, read)));
    for (const part of parts.flat()) made.set(part.name, part);
  }
  return made;
}

async function partsOf(weight: string, shape: readonly number[], table: Table, read: Read): Promise<PlacedTensor[]> {
  const contentOf = async (name: string) => await read(table.get(name)!);
  const nested = table.get(nestedAbsmaxName(weight));
  const { nested_offset: offset } = stateOf(weight, shape, nested !== undefined, await contentOf(stateName(weight)));
  same(mapName(weight), await contentOf(mapName(weight)), nf4Codes);
  if (nested) same(nestedMapName(weight), await contentOf(nestedMapName(weight)), dynamicMap);
  return nf4Parts(weight, shape, nested !== undefined).map(({ name, dtype, shape }) => ({
    ...table.get(name)!,
    ...{ dtype, shape },
    ...(name === nested?.name && { suffix: new Uint8Array(Float32Array.of(offset ?? 0).buffer) }),
  }));
}

function same(name: string, found: Uint8Array, codes: Float32Array): void {
  if (Buffer.compare(found, new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)) === 0) return;
  throw mismatch(
    `${name} does not hold the codes of NF4: quantise the model again with bitsandbytes, or take the original`,
  );
}

const quantState = z.object({
  quant_type: z.literal("nf4"),
  blocksize: z.literal(nf4Block),
  shape: z.array(z.int()),
  nested_blocksize: z.literal(nf4NestedBlock).optional(),
  nested_dtype: z.literal("float32").optional(),
  nested_offset: z.number().optional(),
});

function stateOf(weight: string, shape: readonly number[], isNested: boolean, bytes: Uint8Array) {
  const fix = "quantise the model again with bitsandbytes' defaults (blocks of 64), or take the original";
  const parsed = quantState.safeParse(membersOf(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw mismatch(`${stateName(weight)}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is invalid"}; ${fix}`);
  }
  const state = parsed.data;
  if (state.shape.join() !== shape.join())
    throw mismatch(
      `${stateName(weight)} has shape [${state.shape.join(", ")}], and config.json promises [${shape.join(", ")}]`,
    );
  if (isNested !== (state.nested_offset !== undefined))
    throw mismatch(
      `${stateName(weight)}: nested_offset is ${state.nested_offset}, which contradicts the tensors; ${fix}`,
    );
  return state;
}

function membersOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
