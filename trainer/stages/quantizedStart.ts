/**
 * LoftQ: a matrix W quantised so that Q + s·B·A approximates it. Alternates Q = quantised(W − s·BA) and s·BA = the largest
 * singular values of W − Q, from BA = 0.                                                        Li et al. 2023, algorithm 1
 */
import { type Factors, factorsOfPart, type Matrix, subtractProduct } from "../engine/parts.ts";
import { dequantizeNf4 } from "../formats/nf4.ts";
import type { Nf4Matrix } from "../graph/nf4.ts";
import { addon } from "../native/addon.ts";

export interface Alternation {
  readonly rank: number;
  readonly scale: number;
  readonly iterations: number;
  readonly doubleQuantization: boolean;
  readonly threads: number;
}

/** @param w is not changed. */
export async function quantizedWithFactors(
  w: Matrix,
  { rank, scale, iterations, doubleQuantization, threads }: Alternation,
): Promise<Factors & { readonly quantized: Nf4Matrix }> {
  let factors: Factors | undefined;
  for (let iteration = 1; ; iteration++) {
    const rest = { ...w, values: w.values.slice() };
    if (factors) subtractProduct(rest, factors, scale);
    const quantized = addon().quantizeNf4(new Uint8Array(rest.values.buffer), "F32", doubleQuantization);
    const restored = dequantizeNf4(quantized, w.values.length);
    for (let at = 0; at < restored.length; at++) rest.values[at] = w.values[at]! - restored[at]!;
    factors = await factorsOfPart(rest, rank, { of: "principal", scale }, threads);
    if (iteration === iterations) return { ...factors, quantized };
  }
}
