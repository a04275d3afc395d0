/** The goldens' bases in the form that our engine binds. */
import { z } from "zod";
import { toBfloat16 } from "../../trainer/formats/bfloat16.ts";
import type { TensorData } from "../../trainer/formats/safetensorsWriter.ts";
import type { Tensors } from "./goldens.ts";

const stateSuffix = ".quant_state.bitsandbytes__nf4";
const quantState = z.object({ nested_offset: z.number().optional() });

/** Every tensor rounded to BF16. */
export function bfloat16Base(source: Tensors): TensorData[] {
  return source.names().map((name) => {
    const rounded = toBfloat16(Float32Array.from(source.values(name)));
    return { name, dtype: "BF16", shape: source.entry(name).shape, data: new Uint8Array(rounded.buffer) };
  });
}

/** bitsandbytes' serialised NF4: flat nibbles, absmax, and with double quantisation the offset as the last nested absmax. */
export function nf4Base(source: Tensors): TensorData[] {
  const quantized = source.names().filter((tensor) => tensor.endsWith(stateSuffix));
  const linears = quantized.map((tensor) => tensor.slice(0, -stateSuffix.length));
  const dense = source.names().filter((tensor) => !linears.some((linear) => tensor.startsWith(linear)));
  return [...dense.map((tensor) => copy(source, tensor)), ...linears.flatMap((linear) => nf4(source, linear))];
}

/** Every tensor as it is. */
export const plainBase = (source: Tensors): TensorData[] => source.names().map((name) => copy(source, name));

function copy(source: Tensors, name: string): TensorData {
  const { dtype, shape } = source.entry(name);
  return { name, dtype, shape, data: source.bytes(name) };
}

function nf4(source: Tensors, name: string): TensorData[] {
  const packed = source.bytes(name);
  const parts = [{ name, dtype: "U8", shape: [packed.length], data: packed } as const, copy(source, `${name}.absmax`)];
  const { nested_offset: offset } = quantState.parse(
    JSON.parse(Buffer.from(source.bytes(name + stateSuffix)).toString()),
  );
  if (offset === undefined) return parts;
  const scales = Float32Array.of(...source.values(`${name}.nested_absmax`), offset);
  const data = new Uint8Array(scales.buffer);
  return [...parts, { name: `${name}.nested_absmax`, dtype: "F32", shape: [scales.length], data }];
}
