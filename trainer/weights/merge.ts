/**
 * Merging: computes W′ in F32 and rounds once. W are the base's own 16- or 32-bit weights or its dequantised NF4
 * weights; the method turns rows of W into rows of W′ (`merge`). It works tensor by tensor, so the largest one bounds
 * the memory.
 */
import { type FloatType, toBfloat16 } from "../formats/bfloat16.ts";
import type { TensorFacts } from "../formats/safetensorsWriter.ts";
import type { BoundMethod, ExpertPart, TrainedSite } from "../methods/method.ts";

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
export function isTrained(matrix: string, adapter: AdapterTensors): boolean {
  const { name: site } = placeOf(matrix);
  for (const name of adapter.keys()) if (name.startsWith(`${site}.`) && name !== `${site}.bias`) return true;
  return false;
}

/** A layer's trained tensors by their own names; of an expert's matrix those of the parameter of all experts. */
export function siteOf(matrix: string, adapter: AdapterTensors): Omit<TrainedSite, "in" | "out"> {
  const { name, part } = placeOf(matrix);
  const shared = (full: string) => {
    const values = adapter.get(full);
    if (!values) throw new Error(`the adapter has no ${full}`);
    return values;
  };
  return {
    name,
    part,
    has: (own) => adapter.has(`${name}.${own}`),
    parameter: (own) => shared(`${name}.${own}`),
    shared,
  };
}

/** transformers holds the matrices of a layer's experts in two parameters, an expert's gate above its up. */
function placeOf(matrix: string): { name: string; part?: ExpertPart } {
  const [, experts, number, own] = /^(.+\.experts)\.(\d+)\.(\w+)$/.exec(matrix) ?? [];
  if (own === undefined) return { name: matrix };
  const isHalf = own === "gate_proj" || own === "up_proj";
  const part = { expert: Number(number), index: own === "up_proj" ? 1 : 0 };
  return { name: `${experts}.${isHalf ? "gate_up_proj" : own}`, part };
}
