/**
 * The angles of rotary position embedding; the host fills cos and sin rows from these.
 *
 * Models were trained, and are served, with angles rounded to single precision: at position 100,000 that moves a cosine by
 * 1e-3. So frequency and angle are rounded where transformers rounds them; cos and sin are those of the rounded angle.
 */
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
    const frequency = Math.fround(1 / Math.fround(model.ropeTheta ** Math.fround((2 * i) / model.headDim)));
    for (let position = 0; position < positions; position++) {
      const angle = Math.fround(position * frequency);
      cos[position * width + i] = Math.cos(angle);
      sin[position * width + i] = Math.sin(angle);
    }
  }
  return { width, cos, sin };
}
