/** Converts arrays between F32 and BF16, which is the upper half of an F32, and reads F16. Pure. */

/** The nearest BF16, ties to even; a NaN stays a (quiet) NaN. → `into` */
export function toBfloat16(values: Float32Array, into: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]!;
    into[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return into;
}

/** Exact. → `into` */
export function fromBfloat16(values: Uint16Array, into: Float32Array = new Float32Array(values.length)): Float32Array {
  const bits = new Uint32Array(into.buffer, into.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) bits[i] = values[i]! << 16;
  return into;
}

/** The stored types whose numbers F32 holds exactly. */
export type FloatType = "F32" | "BF16" | "F16";
export const isFloatType = (dtype: string): dtype is FloatType => ["F32", "BF16", "F16"].includes(dtype);

const elementsIn = (bytes: Uint8Array, dtype: FloatType): number => bytes.length / (dtype === "F32" ? 4 : 2);

/** The numbers of stored bytes as F32; exact. → `into` */
export function widened(
  bytes: Uint8Array,
  dtype: FloatType,
  into: Float32Array = new Float32Array(elementsIn(bytes, dtype)),
): Float32Array {
  const count = elementsIn(bytes, dtype);
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  switch (dtype) {
    case "F32":
      into.set(new Float32Array(buffer, byteOffset, count));
      return into;
    case "BF16":
      return fromBfloat16(new Uint16Array(buffer, byteOffset, count), into);
    case "F16":
      into.set(new Float16Array(buffer, byteOffset, count));
      return into;
  }
}
