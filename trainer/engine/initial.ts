/**
 * How parameters start. Each random number follows from the seed, the parameter's name and its index: the order in which
 * tensors are made, and which others exist, changes nothing. Pure.
 */
import { createHash } from "node:crypto";
import type { StateTensor } from "../graph/compiled.ts";
import { word } from "../numbers/philox.ts";

type Initial = Exclude<NonNullable<StateTensor["initial"]>, { kind: "base" }>;

/** Values of a parameter of `shape` that starts as `initial` says. */
export function initialValues(
  { name, shape }: Pick<StateTensor, "name" | "shape">,
  initial: Initial,
  seed: number,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  const uniform = uniformOf(name, seed);
  switch (initial.kind) {
    case "zeros":
      return values;
    case "kaimingUniform": {
      // He et al. 2015 with leaky-ReLU slope a: bound = √(6 / ((1 + a²) · fan-in)).
      const bound = Math.sqrt(6 / ((1 + initial.a ** 2) * (shape[1] ?? 1)));
      return values.map((_, index) => bound * (2 * uniform(index) - 1));
    }
  }
}

/** Uniform numbers in (0, 1) by index. */
function uniformOf(name: string, seed: number): (index: number) => number {
  const digest = createHash("sha256").update(name).digest();
  const key = [seed >>> 0, digest.readUInt32LE(0)] as const;
  const stream = digest.readUInt32LE(4);
  return (index) => (word(index, stream, key) + 0.5) / 2 ** 32;
}
