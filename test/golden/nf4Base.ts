/**
 * bitsandbytes' serialised NF4 base in the layout that our engine binds: flat nibbles, absmax, and with double
 * quantisation the offset as the last nested absmax.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { encodeSafetensors, type TensorData } from "../../trainer/formats/safetensorsWriter.ts";
import { Tensors } from "./goldens.ts";

const stateSuffix = ".quant_state.bitsandbytes__nf4";
const quantState = z.object({ nested_offset: z.number().optional() });

/** Writes `data/NAME` as `model.safetensors` of that layout into `directory`. */
export function writeNf4Base(name: string, directory: string): void {
  const source = new Tensors(`${name}/model.safetensors`);
  const quantized = source.names().filter((tensor) => tensor.endsWith(stateSuffix));
  const linears = quantized.map((tensor) => tensor.slice(0, -stateSuffix.length));
  const dense = source.names().filter((tensor) => !linears.some((linear) => tensor.startsWith(linear)));
  const tensors = [...dense.map((tensor) => copy(source, tensor)), ...linears.flatMap((linear) => nf4(source, linear))];
  writeFileSync(path.join(directory, "model.safetensors"), encodeSafetensors(tensors));
}

function copy(source: Tensors, name: string): TensorData {
  const { dtype, shape } = source.entry(name);
  return { name, dtype, shape, data: source.bytes(name) };
}

function nf4(source: Tensors, name: string): TensorData[] {
  const packed = source.bytes(name);
  const parts = [
    { name, dtype: "U8", shape: [packed.length], data: packed } as const,
    copy(source, `${name}.absmax`),
  ];
  const { nested_offset: offset } = quantState.parse(JSON.parse(Buffer.from(source.bytes(name + stateSuffix)).toString()));
  if (offset === undefined) return parts;
  const scales = Float32Array.of(...source.values(`${name}.nested_absmax`), offset);
  const data = new Uint8Array(scales.buffer);
  return [...parts, { name: `${name}.nested_absmax`, dtype: "F32", shape: [scales.length], data }];
}
