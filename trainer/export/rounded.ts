/** Rounds values to the type that an export writes. Pure. */
import { invalid } from "../contract/failure.ts";
import type { FloatType } from "../formats/bfloat16.ts";
import { encodeValues } from "../weights/merge.ts";

/** The largest number of F16. */
const largestF16 = 65504;

/** The bytes of a tensor, rounded to the nearest. Throws a failure that names the tensor if F16 cannot hold a value. */
export function roundedTo(dtype: FloatType, values: Float32Array, name: string): Uint8Array {
  const tooLarge = dtype === "F16" ? values.findIndex((value) => !(Math.abs(Math.fround(value)) <= largestF16)) : -1;
  if (tooLarge >= 0)
    throw invalid(
      "TypeTooNarrow",
      `${name} holds ${values[tooLarge]}, and F16 ends at ${largestF16}: export BF16 or F32`,
    );
  return encodeValues(values, dtype);
}
