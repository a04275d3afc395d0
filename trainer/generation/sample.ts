/** Sampling of the next token. Pure: the same logits, temperature, seed and index give the same token. */
import { word } from "../numbers/philox.ts";

/** Separates this use of the seed from others. */
const sampleStream = 0x53616d70;

/** A token of softmax(logits / temperature); `temperature` is above 0, `index` counts the tokens of an answer. */
export function sampleToken(logits: Float32Array, temperature: number, seed: number, index: number): number {
  const top = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = ((word(index, sampleStream, [seed, 0]) + 0.5) / 2 ** 32) * total;
  for (const [token, weight] of weights.entries()) {
    left -= weight;
    if (left <= 0) return token;
  }
  return logits.length - 1;
}
