/**
 * Models with NF4 linear layers, as prepare stages them (graph/nf4.ts defines the layout of a matrix). Dequantised
 * values equal those of bitsandbytes and trainer/native/runtime/nf4.h bit for bit. Pure.
 */
import { invalid } from "../contract/failure.ts";
import { isGivenTensor } from "../contract/givenAdapters.ts";
import { mostUnquantized } from "../contract/report.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { absmaxName, generalised, type Nf4Matrix, nestedAbsmaxName, nf4Block, nf4NestedBlock } from "../graph/nf4.ts";
import { type PlacedTensor, storedType } from "./huggingFace.ts";

/** The storage of a model's tensors, by its linear layers. Throws for unsupported types and for other mixtures. */
export function storageOf(table: ReadonlyMap<string, PlacedTensor>, layers: readonly string[]): CompileSpec["storage"] {
  const quantized = [...table.keys()].filter((name) => table.has(absmaxName(name)));
  const parts = new Set(quantized.flatMap((name) => [name, absmaxName(name), nestedAbsmaxName(name)]));
  const dense = storedType(new Map([...table].filter(([name]) => !parts.has(name) && !isGivenTensor(name))));
  if (quantized.length === 0) return { dense, linear: dense, doubleQuantization: false };
  const nested = quantized.filter((name) => table.has(nestedAbsmaxName(name)));
  if (nested.length > 0 && nested.length < quantized.length) {
    const single = quantized.find((name) => !nested.includes(name));
    throw invalid(
      "BaseModelUnsupported",
      `the scales of the base model's ${nested[0]} are quantised too, and those of ${single} are not: quantise all layers alike`,
    );
  }
  const unquantized = patternsOf((layer) => !parts.has(`${layer}.weight`), layers);
  return {
    dense,
    linear: "NF4",
    doubleQuantization: nested.length > 0,
    ...(unquantized.length > 0 && { unquantized }),
  };
}

/**
 * Patterns for the layers with `isOne`, for prepare's report and a job's status: the end of a name if all layers with that end
 * are among them, else the whole name.
 */
function patternsOf(isOne: (layer: string) => boolean, layers: readonly string[]): string[] {
  const endOf = (layer: string) =>
    generalised(layer)
      .split(".")
      .slice(layer.includes(".experts.") ? -3 : -2)
      .join(".");
  const others = new Set(layers.filter((layer) => !isOne(layer)).map(endOf));
  const found = layers.filter(isOne).map((layer) => (others.has(endOf(layer)) ? layer : endOf(layer)));
  const patterns = [...new Set(found)].sort();
  if (patterns.length <= mostUnquantized) return patterns;
  throw invalid(
    "BaseModelUnsupported",
    `the base model leaves ${patterns.length} single layers unquantised (${patterns[0]}, …), and at most ${mostUnquantized} are supported: ` +
      "leave out all layers of a name, or quantise them",
  );
}

/** The 16 values. */
export const nf4Codes = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** The `count` dequantised values of a matrix. */
export function dequantizeNf4({ packed, absmax, nestedAbsmax }: Nf4Matrix, count: number): Float32Array {
  const scales = nestedAbsmax ? restoredScales(absmax, floats(nestedAbsmax)) : floats(absmax);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const pair = packed[i >> 1]!;
    values[i] = nf4Codes[i % 2 === 0 ? pair >> 4 : pair & 15]! * scales[Math.floor(i / nf4Block)]!;
  }
  return values;
}

/** code · scale + offset, each rounded. */
function restoredScales(absmaxCodes: Uint8Array, nested: Float32Array): Float32Array {
  const offset = nested.at(-1)!;
  return Float32Array.from(absmaxCodes, (code, index) => {
    return Math.fround(dynamicMap[code]! * nested[Math.floor(index / nf4NestedBlock)]!) + offset;
  });
}

/** The signed dynamic map: ±10^(i−6) × midpoints of linspace(0.1, 1, 2^i + 1) for i = 0..6, plus 0 and 1, in F32 steps. */
export const dynamicMap: Float32Array = makeDynamicMap();

function makeDynamicMap(): Float32Array {
  const { fround } = Math;
  const values = [0, 1];
  for (let i = 0; i < 7; i++) {
    const steps = 2 ** i;
    const step = fround(fround(1 - fround(0.1)) / steps);
    // As torch.linspace: the upper half counts down from the end. The double product is exact, so each value is rounded
    // once.
    const boundary = (k: number) => fround(k < (steps + 1) >> 1 ? step * k + fround(0.1) : 1 - step * (steps - k));
    for (let k = 0; k < steps; k++) {
      const middle = fround(fround(boundary(k) + boundary(k + 1)) / 2);
      const value = fround(fround(10 ** (i - 6)) * middle);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
