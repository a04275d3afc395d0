/**
 * Merging: computes W′ in F32 and rounds once. W are the base's own 16- or 32-bit weights or its dequantised NF4
 * weights; the method turns rows of W into rows of W′ (`merge`). It works tensor by tensor, so the largest one bounds
 * the memory.
 */
import { type FloatType, toBfloat16 } from "../formats/bfloat16.ts";
import type { TensorFacts } from "../formats/safetensorsWriter.ts";
import type { BoundMethod } from "../methods/method.ts";

/** The trained tensors of an adapter by their names, `<module>.<parameter>`. */
export type AdapterTensors = ReadonlyMap<string, Float32Array>;

/** Merges the adapter into the values of a tensor of the base, in place. A tensor that is itself trained replaces it. */
export function mergeTensor(
  tensor: Pick<TensorFacts, "name" | "shape">,
  values: Float32Array,
  method: BoundMethod,
  adapter: AdapterTensors,
): Float32Array {
  const trained = adapter.get(tensor.name);
  if (trained) return trained;
  const [, name, part] = /^(.+)\.(weight|bias)$/.exec(tensor.name) ?? [];
  if (name === undefined || !isTrained(name, adapter)) return values;
  const [out = 0, width = 0] = tensor.shape;
  const site = { ...siteOf(name, adapter), in: width, out };
  if (part === "bias") method.mergeBias(site, values);
  else if (tensor.shape.length === 2) method.merge(site, values, { first: 0, last: out });
  return values;
}

/** F32 values as the bytes of a type, rounded to the nearest. */
export function encodeValues(values: Float32Array, dtype: FloatType): Uint8Array {
  const stored = { F32: () => values, BF16: () => toBfloat16(values), F16: () => new Float16Array(values) }[dtype]();
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** True if the method has parameters at this layer, other than the layer's own bias. */
export function isTrained(site: string, adapter: AdapterTensors): boolean {
  for (const name of adapter.keys()) if (name.startsWith(`${site}.`) && name !== `${site}.bias`) return true;
  return false;
}

/** A layer's trained tensors by their own names. */
export const siteOf = (name: string, adapter: AdapterTensors) => ({
  name,
  has: (own: string) => adapter.has(`${name}.${own}`),
  parameter(own: string) {
    const values = adapter.get(`${name}.${own}`);
    if (!values) throw new Error(`the adapter has no ${name}.${own}`);
    return values;
  },
});
