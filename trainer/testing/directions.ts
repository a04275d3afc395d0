/** Finite differences of a whole program: its loss along a random direction of one parameter, beside the parameter's gradient. */
import { randoms } from "./graphs.ts";

/** The rounding of a loss is as large as the change that a smaller product of gradient and direction makes. */
const least = 1e-9;

/**
 * |difference quotient along a random direction − gradient · direction| over the norms of both. Leaves `theta` as it was.
 *
 * @param lossAt the program's loss at the present values of `theta`, in double precision
 * @param size of the direction's elements
 */
export async function directionalError(
  theta: Float32Array,
  gradient: Float32Array,
  lossAt: () => Promise<number>,
  { seed, size }: { readonly seed: number; readonly size: number },
): Promise<number> {
  const start = theta.slice();
  const random = randoms(seed);
  const direction = start.map(() => (random() > 0 ? size : -size));
  const moved = async (sign: number) => {
    theta.set(start.map((value, index) => value + sign * direction[index]!));
    // Rounded to F32: the values that the program reads.
    return { loss: await lossAt(), at: theta.slice() };
  };
  const [up, down] = [await moved(1), await moved(-1)];
  theta.set(start);
  const by = up.at.map((value, index) => value - down.at[index]!);
  const expected = by.reduce((sum, value, index) => sum + value * gradient[index]!, 0);
  return Math.abs(up.loss - down.loss - expected) / Math.max(least, Math.hypot(...by) * Math.hypot(...gradient));
}
