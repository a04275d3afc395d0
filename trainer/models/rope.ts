/** The angles of rotary position embedding, computed in double and rounded once; the host fills cos and sin rows from these. */
import type { ModelConfig } from "../contract/model.ts";

export interface RopeTable {
  /** Elements of a row: half of the head's width. */
  readonly width: number;
  /** [positions, width] */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Row p holds cos and sin of p · theta^(−2i/D), i < D/2.        Su et al. 2021 */
export function ropeTable(model: Pick<ModelConfig, "headDim" | "ropeTheta">, positions: number): RopeTable {
  const width = model.headDim / 2;
  const cos = new Float32Array(positions * width);
  const sin = new Float32Array(positions * width);
  for (let i = 0; i < width; i++) {
    const frequency = model.ropeTheta ** ((-2 * i) / model.headDim);
    for (let position = 0; position < positions; position++) {
      cos[position * width + i] = Math.cos(position * frequency);
      sin[position * width + i] = Math.sin(position * frequency);
    }
  }
  return { width, cos, sin };
}
