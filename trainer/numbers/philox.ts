/**
 * Philox4x32-10 (Salmon et al. 2011): a counter and a key give four independent 32-bit words. It is the host's only
 * source of randomness. A number depends on its purpose, never on how many were drawn before.
 */

export type Words = [number, number, number, number];

/** The four words of a counter under a key. */
export function philox(counter: Readonly<Words>, key: readonly [number, number]): Words {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, a);
    const low0 = Math.imul(0xd2511f53, a) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, c);
    const low1 = Math.imul(0xcd9e8d57, c) >>> 0;
    [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1, (high0 ^ d ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** The upper 32 bits of a product of two 32-bit words, in halves that a double holds exactly. */
function multiplyHigh(x: number, y: number): number {
  const xh = x >>> 16;
  const xl = x & 0xffff;
  const yh = y >>> 16;
  const yl = y & 0xffff;
  const middle = xh * yl + ((xl * yl) >>> 16);
  const carry = (middle & 0xffff) + xl * yh;
  return (xh * yh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

/** Word `index` of the stream named by `key` and `stream`. */
export function word(index: number, stream: number, key: readonly [number, number]): number {
  const block = Math.floor(index / 4);
  return philox([block >>> 0, Math.floor(block / 2 ** 32), stream >>> 0, 0], key)[index % 4]!;
}
