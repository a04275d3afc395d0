/**
 * The angles of rotary position embedding; the host fills cos and sin rows from these.
 *
 * Training and serving of these models round angles to single precision; at position 100,000 that moves a cosine by 1e-3.
 * So this code rounds frequency and angle where transformers does; cos and sin are those of the rounded angle.
 */
import type { ModelConfig } from "../contract/model.ts";
import type { RopeScaling } from "../contract/rope.ts";

export interface AngleTable {
  /** [positions, width] */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** The rows that a token's position determines. */
export interface RopeTable extends AngleTable {
  /** Elements of a row: half of the head's width. */
  readonly width: number;
  /** LongRoPE's table for sequences of more than `beyond` tokens. */
  readonly long?: AngleTable & { readonly beyond: number };
  /** Further tables by the names of their inputs: those of sliding layers and of queries, where they differ. */
  readonly others: ReadonlyMap<string, Float32Array>;
  /** Keys that a token sees in sliding layers. */
  readonly window?: number;
}

type RopeFacts = Pick<
  ModelConfig,
  "headDim" | "ropeTheta" | "ropeScaling" | "localRope" | "queryScaling" | "rotaryWidth" | "slidingWindow"
>;

/** Row p holds cos and sin of (p + offset) · f_i, i < D/2, times the scaling's factor.        Su et al. 2021 */
export function ropeTable(model: RopeFacts, positions: number, offset = 0): RopeTable {
  const { headDim, ropeTheta, ropeScaling, localRope, queryScaling, slidingWindow: window } = model;
  const rows = { width: headDim / 2, positions, offset };
  const table = (periods: Frequencies, scaling: RopeScaling | undefined, isLong = false) =>
    angles(scaled(plainPeriods(periods.headDim, periods.ropeTheta), periods, scaling, isLong), factorOf(scaling), rows);
  const rotary = { headDim: model.rotaryWidth ?? headDim, ropeTheta };
  const local = localRope && table({ headDim, ropeTheta: localRope.theta }, localRope.scaling);
  const plain = table(rotary, ropeScaling);
  const query = queryScaling && lengthened(plain, rows, queryScaling);
  return {
    width: rows.width,
    ...plain,
    ...(ropeScaling?.type === "longrope" && {
      long: { ...table(rotary, ropeScaling, true), beyond: ropeScaling.originalContext - offset },
    }),
    others: new Map([...named("local", local), ...named("query", query)]),
    ...(window !== undefined && { window }),
  };
}

/** The divisors of the plain frequencies that the model's scaling amounts to. [rotated elements / 2] */
export function frequencyDivisors({ headDim, ropeTheta, ropeScaling, rotaryWidth = headDim }: RopeFacts): Float32Array {
  const rotary = { headDim: rotaryWidth, ropeTheta };
  const periods = plainPeriods(rotary.headDim, ropeTheta);
  const frequencies = scaled(periods, rotary, ropeScaling, false);
  return periods.map((period, i) => 1 / period / frequencies[i]!);
}

const named = (name: string, table: AngleTable | undefined): [string, Float32Array][] =>
  table
    ? [
        [`${name}Cos`, table.cos],
        [`${name}Sin`, table.sin],
      ]
    : [];

const factorOf = (scaling: RopeScaling | undefined): number =>
  scaling?.type === "yarn" || scaling?.type === "longrope" ? fround(scaling.attentionFactor) : 1;

/** The tables of these frequencies; a row has room for the whole head. */
function angles(
  frequencies: Float32Array,
  factor: number,
  { width, positions, offset }: { width: number; positions: number; offset: number },
): AngleTable {
  const cos = new Float32Array(positions * width);
  const sin = new Float32Array(positions * width);
  for (let i = 0; i < frequencies.length; i++) {
    for (let position = 0; position < positions; position++) {
      const angle = fround((position + offset) * frequencies[i]!);
      cos[position * width + i] = fround(Math.cos(angle)) * factor;
      sin[position * width + i] = fround(Math.sin(angle)) * factor;
    }
  }
  return { cos, sin };
}

/** Rows times 1 + beta · ln(1 + ⌊position / context⌋), which rotates and lengthens in one.        Llama 4, 2025 */
function lengthened(
  { cos, sin }: AngleTable,
  { width, offset }: { width: number; offset: number },
  { beta, originalContext }: NonNullable<ModelConfig["queryScaling"]>,
): AngleTable {
  const factor = (index: number) => {
    const windows = Math.floor(fround((Math.floor(index / width) + offset) / originalContext));
    return fround(1 + fround(fround(beta) * fround(Math.log(1 + windows))));
  };
  return {
    cos: cos.map((value, index) => value * factor(index)),
    sin: sin.map((value, index) => value * factor(index)),
  };
}

const { fround } = Math;

/** theta^(2i/D) in F32; its reciprocal is the plain frequency. */
const plainPeriods = (headDim: number, theta: number): Float32Array =>
  Float32Array.from({ length: headDim / 2 }, (_, i) => theta ** fround((2 * i) / headDim));

type Frequencies = Pick<ModelConfig, "headDim" | "ropeTheta">;

function scaled(
  periods: Float32Array,
  model: Frequencies,
  scaling: RopeScaling | undefined,
  isLong: boolean,
): Float32Array {
  const plain = periods.map((period) => 1 / period);
  if (scaling === undefined) return plain;
  switch (scaling.type) {
    case "linear":
      return plain.map((frequency) => frequency / fround(scaling.factor));
    case "longrope": {
      const factors = isLong ? scaling.longFactor : scaling.shortFactor;
      return periods.map((period, i) => 1 / fround(fround(factors[i]!) * period));
    }
    case "llama3":
      return plain.map((frequency) => llama3(frequency, scaling));
    case "yarn":
      return yarn(periods, plain, model, scaling);
  }
}

/** Llama 3.1: stretch long waves by `factor`, keep short ones, and blend those between. */
function llama3(frequency: number, scaling: RopeScaling & { type: "llama3" }): number {
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalContext } = scaling;
  // PyTorch divides a number by a tensor as the product with its rounded reciprocal.
  const over = (number: number, by: number) => fround(fround(1 / by) * fround(number));
  const wavelength = over(2 * Math.PI, frequency);
  if (wavelength < fround(originalContext / high)) return frequency;
  if (wavelength > fround(originalContext / low)) return fround(frequency / fround(factor));
  const smooth = fround(fround(over(originalContext, wavelength) - fround(low)) / fround(high - low));
  const stretched = fround(fround(fround(1 - smooth) * frequency) / fround(factor));
  return fround(stretched + fround(smooth * frequency));
}

/** YaRN (Peng et al. 2023): a ramp over the dimensions from the plain frequency to the stretched one. */
function yarn(
  periods: Float32Array,
  plain: Float32Array,
  { headDim, ropeTheta }: Frequencies,
  { factor, originalContext, betaFast, betaSlow, truncate }: RopeScaling & { type: "yarn" },
): Float32Array {
  const dimensionOf = (rotations: number) =>
    (headDim * Math.log(originalContext / (rotations * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
  const [fast, slow] = [dimensionOf(betaFast), dimensionOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, headDim - 1);
  const span = low === high ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const ramp = fround(Math.min(1, Math.max(0, fround(fround(i - fround(low)) / fround(span)))));
    const kept = fround(1 - ramp);
    const stretched = fround(1 / fround(fround(factor) * periods[i]!));
    return fround(fround(stretched * fround(1 - kept)) + fround(frequency * kept));
  });
}
