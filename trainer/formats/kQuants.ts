/**
 * The K-quants of GGUF: blocks of 256 numbers, in groups that have a scale each; scales are small integers times one number in F16.
 *
 * Q4_K and Q5_K: 8 groups of 32; a number is scale·q − minimum, with q of 4 or 5 bits and scales and minimums of 6 bits. Q6_K: 16
 * groups of 16; a number is scale·q, with q from −32 to 31 and scales of 8 bits. Scales are found by weighted least squares over
 * several roundings, with which large numbers count more. Pure.
 */

export const kBlock = 256;
export const kBlockBytes = { Q4_K: 144, Q5_K: 176, Q6_K: 210 } as const;
export type KQuant = keyof typeof kBlockBytes;

export function encodeK(type: KQuant, values: Float32Array): Uint8Array {
  const size = kBlockBytes[type];
  const out = new Uint8Array((values.length / kBlock) * size);
  const encode = type === "Q6_K" ? encodeSigned : type === "Q5_K" ? encodeFive : encodeFour;
  for (let at = 0, from = 0; from < values.length; from += kBlock, at += size) {
    encode(values.subarray(from, from + kBlock), new DataView(out.buffer, at, size));
  }
  return out;
}

export function decodeK(type: KQuant, bytes: Uint8Array): Float32Array {
  const size = kBlockBytes[type];
  const values = new Float32Array((bytes.length / size) * kBlock);
  const decode = type === "Q6_K" ? decodeSigned : type === "Q5_K" ? decodeFive : decodeFour;
  for (let at = 0, to = 0; at < bytes.length; at += size, to += kBlock) {
    decode(new DataView(bytes.buffer, bytes.byteOffset + at, size), values.subarray(to, to + kBlock));
  }
  return values;
}

// --- Q4_K and Q5_K: d, dmin, 12 bytes of scales and minimums, the fifth bits of Q5_K, four bits of each number

const groupSize = 32;
const groups = kBlock / groupSize;
const sixBits = 63;
const scalesAt = 4;
const fifthAt = 16;

const encodeFour = (values: Float32Array, out: DataView) => encodeShifted(values, out, 15, 16);
const encodeFive = (values: Float32Array, out: DataView) => encodeShifted(values, out, 31, fifthAt + groupSize);
const decodeFour = (block: DataView, into: Float32Array) => decodeShifted(block, into, 15, 16);
const decodeFive = (block: DataView, into: Float32Array) => decodeShifted(block, into, 31, fifthAt + groupSize);

function encodeShifted(values: Float32Array, out: DataView, top: number, lowAt: number): void {
  const fits = Array.from({ length: groups }, (_, group) =>
    shiftedFit(values.subarray(group * groupSize, (group + 1) * groupSize), top),
  );
  out.setFloat16(0, Math.max(...fits.map(({ scale }) => scale)) / sixBits, true);
  out.setFloat16(2, Math.max(...fits.map(({ minimum }) => minimum)) / sixBits, true);
  const [d, dmin] = [out.getFloat16(0, true), out.getFloat16(2, true)];
  for (const [group, fit] of fits.entries()) {
    const scale = d === 0 ? 0 : Math.min(sixBits, Math.round(fit.scale / d));
    const minimum = dmin === 0 ? 0 : Math.min(sixBits, Math.round(fit.minimum / dmin));
    writeScales(out, group, scale, minimum);
    const inverse = scale * d === 0 ? 0 : 1 / (scale * d);
    for (let i = 0; i < groupSize; i++) {
      const shifted = (values[group * groupSize + i]! + minimum * dmin) * inverse;
      const q = Math.max(0, Math.min(top, Math.round(shifted)));
      const [low, half] = [lowAt + (group >> 1) * groupSize + i, group & 1];
      out.setUint8(low, out.getUint8(low) | ((q & 15) << (4 * half)));
      if (q > 15) out.setUint8(fifthAt + i, out.getUint8(fifthAt + i) | (1 << group));
    }
  }
}

function decodeShifted(block: DataView, into: Float32Array, top: number, lowAt: number): void {
  const [d, dmin] = [block.getFloat16(0, true), block.getFloat16(2, true)];
  for (let group = 0; group < groups; group++) {
    const [scale, minimum] = readScales(block, group);
    for (let i = 0; i < groupSize; i++) {
      const low = (block.getUint8(lowAt + (group >> 1) * groupSize + i) >> (4 * (group & 1))) & 15;
      const fifth = top > 15 ? ((block.getUint8(fifthAt + i) >> group) & 1) << 4 : 0;
      into[group * groupSize + i] = d * scale * (low | fifth) - dmin * minimum;
    }
  }
}

/** The first four groups have six bits in a byte; the others their low four in a third row, their high two above the first ones. */
function writeScales(out: DataView, group: number, scale: number, minimum: number): void {
  const add = (at: number, bits: number) => out.setUint8(scalesAt + at, out.getUint8(scalesAt + at) | bits);
  if (group < 4) {
    add(group, scale);
    add(group + 4, minimum);
    return;
  }
  add(group + 4, (scale & 15) | ((minimum & 15) << 4));
  add(group - 4, (scale >> 4) << 6);
  add(group, (minimum >> 4) << 6);
}

function readScales(block: DataView, group: number): [scale: number, minimum: number] {
  const at = (index: number) => block.getUint8(scalesAt + index);
  if (group < 4) return [at(group) & sixBits, at(group + 4) & sixBits];
  const low = at(group + 4);
  return [(low & 15) | ((at(group - 4) >> 6) << 4), (low >> 4) | ((at(group) >> 6) << 4)];
}

interface ShiftedFit {
  readonly scale: number;
  /** The number that is subtracted, at least 0. */
  readonly minimum: number;
}

/** Roundings that are tried, by how much the range of q is stretched. */
const stretches = Float32Array.from({ length: 7 }, (_, index) => -0.9 + 0.3 * index);

function shiftedFit(values: Float32Array, top: number): ShiftedFit {
  let [least, most, squares] = [0, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
    squares += value * value;
  }
  const range = most - least;
  if (!(range > 0)) return { scale: 0, minimum: -least };
  const usual = Math.sqrt(squares / values.length);
  let best: ShiftedFit = { scale: range / top, minimum: -least };
  let smallest = Number.POSITIVE_INFINITY;
  for (const stretch of stretches) {
    const inverse = (top + stretch) / range;
    let [w, wq, wqq, wx, wqx, wxx] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      const rounded = ((x - least) * inverse + 0.5) | 0;
      const q = Math.min(rounded, top);
      const weight = usual + Math.abs(x);
      const weighted = weight * q;
      const product = weight * x;
      w += weight;
      wq += weighted;
      wqq += weighted * q;
      wx += product;
      wqx += weighted * x;
      wxx += product * x;
    }
    const determinant = w * wqq - wq * wq;
    let scale = determinant > 0 ? (w * wqx - wq * wx) / determinant : 0;
    let minimum = determinant > 0 ? (wq * wqx - wqq * wx) / determinant : 0;
    if (minimum < 0) {
      minimum = 0;
      scale = wqq > 0 ? wqx / wqq : 0;
    }
    if (!(scale > 0)) continue;
    // Σ w (scale·q − minimum − x)²
    const error =
      scale * scale * wqq + minimum * minimum * w + wxx - 2 * scale * minimum * wq - 2 * scale * wqx + 2 * minimum * wx;
    if (error < smallest) {
      smallest = error;
      best = { scale, minimum };
    }
  }
  return best;
}

// --- Q6_K: four low bits of each number, two high ones, 16 scales, d

const signedGroup = 16;
const signedGroups = kBlock / signedGroup;
const highAt = 128;
const signedScalesAt = 192;
const dAt = 208;

/** Where a number's bits are: the byte and shift of its low four, and of its high two. */
function placeOf(index: number) {
  const [half, within] = [index >> 7, index & 127];
  const [quarter, l] = [within >> 5, within & 31];
  return {
    low: half * 64 + (quarter & 1) * 32 + l,
    lowShift: (quarter >> 1) * 4,
    high: highAt + half * 32 + l,
    highShift: quarter * 2,
  };
}
const places = Array.from({ length: kBlock }, (_, index) => placeOf(index));

function encodeSigned(values: Float32Array, out: DataView): void {
  const scales = Array.from({ length: signedGroups }, (_, group) =>
    signedScale(values.subarray(group * signedGroup, (group + 1) * signedGroup)),
  );
  const largest = scales.reduce((found, scale) => (Math.abs(scale) > Math.abs(found) ? scale : found), 0);
  // The largest scale is −128, which has no counterpart.
  out.setFloat16(dAt, largest / -128, true);
  const d = out.getFloat16(dAt, true);
  for (const [group, exact] of scales.entries()) {
    const scale = d === 0 ? 0 : Math.max(-128, Math.min(127, Math.round(exact / d)));
    out.setInt8(signedScalesAt + group, scale);
    const inverse = scale * d === 0 ? 0 : 1 / (scale * d);
    for (let index = group * signedGroup; index < (group + 1) * signedGroup; index++) {
      const q = Math.max(-32, Math.min(31, Math.round(values[index]! * inverse))) + 32;
      const { low, lowShift, high, highShift } = places[index]!;
      out.setUint8(low, out.getUint8(low) | ((q & 15) << lowShift));
      out.setUint8(high, out.getUint8(high) | ((q >> 4) << highShift));
    }
  }
}

function decodeSigned(block: DataView, into: Float32Array): void {
  const d = block.getFloat16(dAt, true);
  for (let index = 0; index < kBlock; index++) {
    const { low, lowShift, high, highShift } = places[index]!;
    const q = ((block.getUint8(low) >> lowShift) & 15) | (((block.getUint8(high) >> highShift) & 3) << 4);
    into[index] = d * block.getInt8(signedScalesAt + Math.floor(index / signedGroup)) * (q - 32);
  }
}

/** The scale of a group. Its sign is chosen so that the largest number becomes about −32, of which there is no positive one. */
function signedScale(values: Float32Array): number {
  let largest = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(largest)) largest = value;
  if (largest === 0) return 0;
  let [best, most] = [largest / -32, Number.NEGATIVE_INFINITY];
  for (const stretch of stretches) {
    const inverse = -(32 + stretch) / largest;
    let [wqx, wqq] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      const rounded = ((x * inverse + 33.5) | 0) - 33;
      const q = Math.max(-32, Math.min(31, rounded));
      const weighted = x * x * q;
      wqx += weighted * x;
      wqq += weighted * q;
    }
    // The error Σ w (x − scale·q)² is Σ w x² − wqx² / wqq with the best scale.
    const explained = wqq > 0 ? (wqx * wqx) / wqq : 0;
    if (explained > most) {
      most = explained;
      best = wqx / wqq;
    }
  }
  return best;
}
